"""Work that is done once: a request that comes again with the same Idempotency-Key gets its first answer."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial, wraps

from litestar import Response

from samplebank.api.call import Call
from samplebank.api.envelope import JSON, Answer
from samplebank.database.bound import Bound, HeldSignals
from samplebank.errors import Refusal
from samplebank.http.repeats import key_of, keyed
from samplebank.repeats import kept
from samplebank.repeats.kept import Kept, Keyed

Handler = Callable[[Call], Awaitable[Answer]]
Work = Callable[[], Awaitable[Answer]]
#: tells the client of a kept answer
REPEATED = {"Idempotency-Replayed": "true"}


class Later(Exception):
    """The work has to wait for something that others do, and no transaction may be open meanwhile."""

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.wait = wait


def repeatable(handler: Handler) -> Handler:
    """Make a handler with a body of JSON heed the header Idempotency-Key, and wait where the handler raises `Later`."""

    async def once_or_later(request: Call) -> Answer:
        key = key_of(request)
        if key is None:
            return await handler(request)
        body = await request.bytes_of_body(request.bank.settings.max_result_size)
        return await once(request, key, hashlib.sha256(body).digest(), partial(handler, request))

    @wraps(handler)
    async def heeding(request: Call) -> Answer:
        try:
            return await once_or_later(request)
        except Later as later:
            await later.wait()
            request.has_waited = True
        return await once_or_later(request)

    return heeding


async def once(request: Call, key: str | None, content: bytes, work: Work) -> Answer:
    """Do the work and keep its answer, in one transaction; or answer as before. `content` is the SHA-256 of the body.

    Everything that the work does with the bank of the request belongs to the transaction. A refusal is not kept.
    Without a key the work is simply done.
    """
    if key is None:
        return await work()
    asked = keyed(request, key, content)
    async with request.budgets.keyed.alone((asked.user_id, asked.key)):
        return await _alone(request, asked, work)


async def _alone(request: Call, asked: Keyed, work: Work) -> Answer:
    bank = request.bank
    signals = HeldSignals(bank.signals)
    refused: Refusal | None = None
    async with bank.database.transaction() as db:
        known = await kept.begin(db, asked, now=request.now)
        if known is not None:
            return again(request, known)
        try:
            with request.working_in(bank.within(Bound(db), signals)):
                answer = await work()
            await kept.keep(db, asked, answer.status_code or 200, answer.content)
        except Refusal as error:
            # What a refused request leaves, such as a used challenge, is left with a key, too.
            refused = error
            await kept.forget(db, asked)
    signals.send_on()
    if refused is not None:
        raise refused
    return answer


def again(request: Call, known: Kept) -> Answer:
    """The answer of the first time. Nothing is done, so the ledger tells of the first time only."""
    request.stores_nothing = True
    request.note_recorded()
    return Response(content=known.body, media_type=JSON, status_code=known.status, headers=REPEATED)
