"""Claims that wait until there is something to claim."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from samplebank.api.call import Call
from samplebank.database.signals import Signal
from samplebank.http.guard import look_again as look_again_who_calls

T = TypeVar("T")


async def claim_when_there(
    request: Call,
    signal: Signal,
    claim: Callable[[], Awaitable[T]],
    *,
    seconds: float,
    look_again: float,
    name: str | None = None,
) -> T | None:
    """Claim at once, whenever `signal` arrives for the `name`, and each `look_again` seconds, until `claim` finds something.

    After `seconds` the answer is the last claim. Nothing for a client who has gone meanwhile: nobody would work on the claim.
    Raises `Unauthenticated` and `Forbidden` once the key or the rights of the caller have ended.
    """
    deadline = time.monotonic() + seconds
    async with request.bank.signals.listening(signal, name=name) as arrived:
        gone = asyncio.ensure_future(request.disconnected())
        gone.add_done_callback(lambda _: arrived.set())
        try:
            while not gone.done():
                arrived.clear()
                claimed = await claim()
                left = deadline - time.monotonic()
                if claimed or left <= 0:
                    return claimed
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, look_again)):
                        await arrived.wait()
                await look_again_who_calls(request)
        finally:
            gone.cancel()
    return None
