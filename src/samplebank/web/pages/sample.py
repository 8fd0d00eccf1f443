"""A sample: the verdict as an argument, what the sample is, how it was seen, and its way through jobs."""

import re
from collections.abc import Sequence, Sized
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.analyses import queries as analyses
from samplebank.analyses.model import Analysis
from samplebank.api.archive import archive_length, archived
from samplebank.api.downloads import ZIP, attachment
from samplebank.audit.model import Kind
from samplebank.database import Connection
from samplebank.database import Page as Part
from samplebank.database.listing import OrderedListing
from samplebank.http.operation import operation
from samplebank.http.shapes import Body, NoQuery, Offset
from samplebank.http.streaming import Streamed
from samplebank.jobs import listing as jobs
from samplebank.jobs.listing import JobFilter
from samplebank.jobs.ways import JOBS_WITH_TASKS, JobWithTasks
from samplebank.samples import links, notes
from samplebank.samples.model import pasted, read_sha256
from samplebank.search.overview import Overview, get_overviews, get_sample_with_overview
from samplebank.submissions import queries as submissions
from samplebank.submissions.model import Submission
from samplebank.verdicts import queries as verdicts
from samplebank.verdicts.model import Verdict
from samplebank.web.argument import Argument, argue
from samplebank.web.copying import Copied, of_sample
from samplebank.web.pages.noting import MOST_NOTES, NoteLine, line_of, new_key
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, head_of
from samplebank.web.visit import Visit, permissions_of
from samplebank.web.way import Way, its_way

#: submissions, analyses and jobs that the page shows
MOST: Final = 10
#: detections and tags of an analysis that the page shows
MOST_NAMED: Final = 20
#: milliseconds in which somebody undoes a verdict, and the reason that is stored then
TIME_TO_UNDO: Final = 60 * 60 * 1000
UNDONE: Final = "Undone by who set it."
#: an MD5, a SHA-1 or a SHA-512
OTHER_DIGEST: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{128}")


class SampleQuery(Body):
    """The analyses that are left out of the balance, and the offset of the notes that are shown."""

    without: Annotated[list[UUID], Meta(max_length=100)] | None = None
    notes: Offset = 0


class Seen(msgspec.Struct, frozen=True):
    """A submission, as a line of the page."""

    file_name: str
    customer: str
    tlp: str
    submitted_time: int


class Said(msgspec.Struct, frozen=True):
    """An analysis, as a line of the page."""

    id: UUID
    name: str
    version: str
    score: int
    created_time: int
    detections: list[str]
    tags: list[str]
    more_detections: int
    more_tags: int


class SamplePage(Page, frozen=True):
    """`names` are the different file names among the newest submissions. `may` are the permissions of the visitor.

    `undo` is the reason to store when the visitor undoes the verdict, None without such a verdict.
    `followed` is the newest job that has not ended. `note_key` is the key of the form for a note.
    `linked` are the children that decided and that the visitor may see. `is_by_hand`: the status is of somebody's verdict by hand.
    `more` names what the page shows the newest of alone: seen, jobs, analyses. `newer` and `older` are offsets of other notes.
    """

    template: ClassVar[str] = "sample.html"
    section: ClassVar[str] = "samples"

    sample: Overview
    head: Head
    sha256: str
    verdict_id: str
    undo: str | None
    names: list[str]
    argument: Argument | None
    is_by_hand: bool
    linked: frozenset[str]
    analyses: list[Said]
    seen: list[Seen]
    way: Way | None
    followed: UUID | None
    links: list[tuple[str, int]]
    more: frozenset[str]
    notes: list[NoteLine]
    newer: int | None
    older: int | None
    note_key: str
    copied: Copied
    may: frozenset[Permission]


@get("/sample/{sha256:str}", opt=operation("showSample", Permission.VIEW_SAMPLES))
async def show_sample(request: Visit) -> Response[bytes]:
    """Show a sample. A pasted digest with blanks, or in capitals, leads to the page of the sample.

    An MD5, SHA-1 or SHA-512 leads to the list of the samples with the digest.
    """
    given = request.path("sha256")
    if OTHER_DIGEST.fullmatch(given):
        return request.to(f"samples?q={given}")
    sha256 = read_sha256(pasted(given))
    if sha256.hex() != given:
        return request.to(f"sample/{sha256.hex()}")
    query = request.read_query(SampleQuery)
    return request.page(await _read(request, sha256, query))


async def _read(request: Visit, sha256: bytes, query: SampleQuery) -> SamplePage:
    caller, directory, part = request.caller, request.bank.directory, Part(limit=MOST + 1)
    async with request.reading() as db:
        sample, overview = await get_sample_with_overview(db, caller, sha256)
        seen = await submissions.submissions_of(caller, sample).page(db, part)
        said = await analyses.analyses_of(caller, sample).page(db, part)
        counted = await links.count_by_type(db, caller, sample)
        noted = await notes.notes_of(caller, sample).page(db, Part(MOST_NOTES + 1, query.notes))
        found = await _newest_jobs(db, caller, sha256) if caller.holds(Permission.VIEW_JOBS) else []
        verdict = overview.verdict
        reasons, is_by_hand = await _argued(request, db, verdict, query.without or ())
        linked = await _linked(db, caller, reasons)
    more = _more(seen=seen, jobs=found, analyses=said)
    seen, found, said = seen[:MOST], found[:MOST], said[:MOST]
    return SamplePage(
        sample=overview,
        head=head_of(request, overview),
        sha256=sha256.hex(),
        verdict_id="" if verdict is None else str(verdict.id),
        undo=UNDONE if verdict is not None and _can_undo(request, verdict, overview) else None,
        names=list(dict.fromkeys(one.file_name for one in seen)),
        argument=reasons,
        is_by_hand=is_by_hand,
        linked=linked,
        analyses=[_said(one) for one in said],
        seen=[_seen(one, directory) for one in seen],
        way=its_way(seen, found, directory, request.root, request.now),
        followed=next((job.id for job in found if job.end_time is None), None),
        links=counted,
        more=more,
        notes=[line_of(request, one) for one in noted[:MOST_NOTES]],
        newer=max(0, query.notes - MOST_NOTES) if query.notes else None,
        older=query.notes + MOST_NOTES if len(noted) > MOST_NOTES else None,
        note_key=new_key(),
        copied=of_sample(request.address, sha256.hex()),
        may=permissions_of(request.caller),
    )


async def _argued(
    request: Visit, db: Connection, verdict: Verdict | None, without: Sequence[UUID]
) -> tuple[Argument | None, bool]:
    """The verdict as an argument, and whether the status is of somebody's verdict by hand."""
    if verdict is None:
        return None, False
    argument = argue(verdict, request.bank.settings.malicious_score, without)
    return argument, await verdicts.is_by_hand(db, verdict)


async def _newest_jobs(db: Connection, caller: Caller, sha256: bytes) -> Sequence[JobWithTasks]:
    wanted = JobFilter(samples=[sha256])
    found: OrderedListing[Any] = jobs.jobs_matching(caller, wanted, ["-enqueuedTimestamp"])
    found.show_as(JOBS_WITH_TASKS)
    return await found.page(db, Part(limit=MOST + 1))


async def _linked(db: Connection, caller: Caller, argument: Argument | None) -> frozenset[str]:
    """The children in the reasons that the caller may see: some are deleted, and some are of others."""
    named = [] if argument is None else [one.child for one in argument.speaking if one.child is not None]
    found = await get_overviews(db, caller, [bytes.fromhex(child) for child in named]) if named else {}
    return frozenset(sha256.hex() for sha256 in found)


def _more(**rows: Sized) -> frozenset[str]:
    """The names of the rows of which the page shows the newest alone."""
    return frozenset(name for name, some in rows.items() if len(some) > MOST)


def _can_undo(request: Visit, verdict: Verdict, overview: Overview) -> bool:
    """Whether the verdict by hand is the visitor's own, and was set in the last hour."""
    is_own = verdict.manual and not verdict.is_withdrawal and verdict.user_id == request.caller.user.id
    is_young = request.now - verdict.created_time < TIME_TO_UNDO
    return (
        is_own and is_young and overview.deleted_time is None and request.caller.holds(Permission.ADD_VERDICT)
    )


def _seen(submission: Submission, directory: Directory) -> Seen:
    customer = directory.customer(submission.customer_id).short_name
    return Seen(submission.file_name, customer, submission.tlp, submission.submitted_time)


def _said(analysis: Analysis) -> Said:
    return Said(
        id=analysis.id,
        name=analysis.agent_name,
        version=analysis.agent_version,
        score=analysis.score,
        created_time=analysis.created_time,
        detections=[detection["name"] for detection in analysis.detections[:MOST_NAMED]],
        tags=[tag["value"] for tag in analysis.tags[:MOST_NAMED]],
        more_detections=max(0, len(analysis.detections) - MOST_NAMED),
        more_tags=max(0, len(analysis.tags) - MOST_NAMED),
    )


@get(
    "/sample/{sha256:str}/safe",
    opt=operation(
        "downloadSafeByPage", Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED, act=Kind.DOWNLOAD
    ),
)
async def download_safe(request: Visit) -> Streamed:
    """Send the bytes in an archive that opens with the password `infected`."""
    request.read_query(NoQuery)
    sample = await request.visible_sample(Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED)
    await request.record_download(sample.sha256, bytes=sample.size)
    pieces = await request.opened(archived(request.bank.blobs, sample))
    return attachment(pieces, f"{sample.sha256.hex()}.zip", archive_length(sample), ZIP)


ROUTES = [show_sample, download_safe]
