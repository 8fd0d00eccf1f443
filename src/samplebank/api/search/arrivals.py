"""What arrived, by hour, customer and class of the verdict."""

from typing import Annotated

from litestar import get
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import CustomerInfo
from samplebank.database.tally import HOUR
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Shown
from samplebank.search.arrivals import Arrivals, arrivals


class ArrivalsQuery(Body):
    hours: Annotated[int, Meta(ge=1, le=336)] = 48


class ArrivedInHour(Shown):
    """The submissions of a customer in the hour from `startTimestamp` on. The rest of the submissions is of unknown class."""

    start_timestamp: int
    customer: CustomerInfo
    submissions: int
    malicious: int
    suspicious: int
    benign: int


class ArrivalsResponse(Shown):
    """The newest hour first. Hours in which nothing arrived are left out.

    The newest 10,000 submissions are looked at. Where there are more, `sinceTimestamp` is the time of the oldest looked at,
    and `isMore` is set.
    """

    since_timestamp: int
    hours: list[ArrivedInHour]
    is_more: bool = False


@get(
    f"{EXTENSIONS}/arrivals",
    opt=operation("listArrivals", Permission.VIEW_SUBMISSION, query=ArrivalsQuery, answers=ArrivalsResponse),
)
async def list_arrivals(request: Call) -> Answer:
    """Count what arrived in the last hours, by the latest verdict of each sample.

    The customers are those whose submissions and verdicts the caller may see.
    """
    query, bank = request.read_query(ArrivalsQuery), request.bank
    # whole hours, so that the bars of a chart are of the same width
    since = (request.now // HOUR - query.hours + 1) * HOUR

    async def found() -> Arrivals:
        async with bank.database.connection() as db:
            return await arrivals(
                db, request.caller, since=since, malicious_score=bank.job_rules.malicious_score
            )

    return await request.show(await request.dearly(found), _show)


def _show(found: Arrivals, directory: Directory) -> ArrivalsResponse:
    hours = [
        ArrivedInHour(
            start_timestamp=one.hour,
            customer=CustomerInfo.of(directory.customer(one.customer_id)),
            submissions=one.submissions,
            malicious=one.malicious,
            suspicious=one.suspicious,
            benign=one.benign,
        )
        for one in found.arrived
    ]
    return ArrivalsResponse(found.since, hours, is_more=not found.is_complete)


ROUTES = [list_arrivals]
