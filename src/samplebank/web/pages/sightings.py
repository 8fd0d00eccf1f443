"""Where and when a sample was seen, and who can see each submission, and why."""

from typing import ClassVar

import msgspec
from litestar import Response, get

from samplebank.accounts.caller import Caller, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.submissions import queries
from samplebank.submissions.model import Submission
from samplebank.web.copying import Copied, of_view
from samplebank.web.rendering import Page
from samplebank.web.sample_head import MOST, Head, PartQuery, read_head
from samplebank.web.visit import Visit


class Sighting(msgspec.Struct, frozen=True):
    """A submission, with the reasons for which others see the submission. `user` is None for a user of others."""

    submission: Submission
    customer: str
    user: str | None
    readers: list[str]


class Sightings(Page, frozen=True):
    template: ClassVar[str] = "sightings.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    rows: list[Sighting]
    offset: int
    next_offset: int | None


@get(
    "/sample/{sha256:str}/sightings",
    opt=operation("showSightings", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
)
async def show_sightings(request: Visit) -> Response[bytes]:
    """Show the submissions of the sample that the visitor may see, newest first."""
    caller, directory = request.caller, request.bank.directory
    async with request.reading() as db:
        sample, head, _ = await read_head(request, db)
        query = request.read_query(PartQuery)
        found = await queries.submissions_of(caller, sample).page(db, Part(MOST + 1, query.offset))
    return request.page(
        Sightings(
            copied=of_view(request.address, "sightings", head.sha256),
            head=head,
            rows=[_sighting(one, caller, directory) for one in found[:MOST]],
            offset=query.offset,
            next_offset=query.offset + MOST if len(found) > MOST else None,
        )
    )


def _sighting(submission: Submission, caller: Caller, directory: Directory) -> Sighting:
    customer, user = directory.customer(submission.customer_id), directory.subject(submission.user_id)
    return Sighting(
        submission=submission,
        customer=customer.short_name,
        user=user.short_name if sees_customer(caller, user.customer, Permission.VIEW_SUBMISSION) else None,
        readers=[
            f"{customer.short_name} (the customer)",
            *(f"{directory.subject(id_).short_name} (named by the submitter)" for id_ in submission.acl),
            *([f"everybody of {customer.domain.name} (TLP green)"] if submission.tlp == "green" else []),
            *(["everybody (TLP clear)"] if submission.tlp == "clear" else []),
        ],
    )


ROUTES = [show_sightings]
