"""Reanalysis of everything that a search finds, as a service task."""

from collections.abc import Sequence
from uuid import UUID

from litestar import post

from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.repeated_requests import repeatable
from samplebank.api.search.samples import LONG_LISTS, SampleCriteria, SampleParameters, matching
from samplebank.api.service_tasks import SampleServiceTaskResponse
from samplebank.database.signals import Signal
from samplebank.errors import Invalid
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery
from samplebank.http.turns import Within
from samplebank.search.sample_listing import SampleListing
from samplebank.service_tasks import reanalysing

#: the fields that choose samples; the index window only says how far back to look
CHOOSING = (*SampleParameters.__struct_fields__, "sub_criteria")
EVERYTHING = (
    "Without any criterion everything would be analysed again. Give a criterion, such as startTimestamp."
)
TOO_MANY = (
    "More than {} samples match. Give further criteria or a shorter time, and ask for the rest afterwards."
)


@post(
    f"{EXTENSIONS}/sample/reanalyse",
    opt=operation(
        "reanalyseSamples",
        Permission.REANALYSE,
        query=NoQuery,
        body=SampleCriteria,
        answers=SampleServiceTaskResponse,
        keyed=True,
    ),
    status_code=200,
)
@repeatable
async def reanalyse_all(request: Call) -> Answer:
    """Ask for the reanalysis of all samples that match every given filter. A service task opens their jobs."""
    document = await request.document(SampleCriteria, extra=LONG_LISTS)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    if not any(getattr(wanted, name) for name in CHOOSING):
        raise Invalid(EVERYTHING)
    return envelope.single(SampleServiceTaskResponse(await begin(request, matching(request, wanted))))


async def begin(request: Call, listing: SampleListing) -> UUID:
    """Open the service task for everything that the listing finds; answers the id. Raises `Invalid` for too many."""
    return await begin_for(request, await _find(request, listing))


async def begin_for(request: Call, samples: Sequence[int]) -> UUID:
    """Open the service task for the samples of these ids; answers the id. Raises `Conflict` and `Unavailable`."""
    async with request.bank.database.transaction() as db:
        with Within(request.bank.settings.search_timeout):
            correlation_id = await reanalysing.open_reanalysis(db, request.caller, samples, now=request.now)
        await request.record(db, target=correlation_id, details={"samples": len(samples)})
    request.bank.signals.send(Signal.SERVICE_TASKS)
    return correlation_id


async def _find(request: Call, listing: SampleListing) -> list[int]:
    """Find all samples that match. Raises `Invalid` for too many."""

    async def search() -> list[int]:
        async with request.bank.database.connection() as db:
            return await listing.stored_ids(db, reanalysing.MOST + 1)

    found = await request.dearly(search)
    if len(found) > reanalysing.MOST:
        raise Invalid(TOO_MANY.format(reanalysing.MOST))
    return found


ROUTES = [reanalyse_all]
