"""How samples were seen: for each sample of a page, the newest submission that the caller may see."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, one_of
from samplebank.database.listing import OrderedListing
from samplebank.jobs.listing import EVERYTHING, jobs_matching
from samplebank.jobs.model import Job
from samplebank.timespec import Millis


class Sighting(msgspec.Struct, frozen=True):
    """The newest submission of the sample `sha256`."""

    sha256: bytes
    file_name: str
    customer_id: int
    tlp: str
    submitted_time: Millis


class SeenJob(Job, frozen=True, gc=False):
    """A job with the name of the newest submission of its sample, and its tasks as pairs of worker and state."""

    name: str | None
    tasks: Sequence[Any]


TASKS: Final = """
    (SELECT coalesce(jsonb_agg(jsonb_build_array(t.worker, t.state) ORDER BY t.worker), '[]')
       FROM job_task t WHERE t.job_id = j.id)
"""
COLUMNS = Columns.of(Sighting, "newest", sha256="s.sha256")


def newest_of(caller: Caller) -> Sql:
    """A row to join: `newest` is the newest visible submission of the sample `s`. One index range is read."""
    return Sql(
        """
        LATERAL (
            SELECT * FROM submission u WHERE u.sample_id = s.id AND {}
             ORDER BY u.submitted_time DESC, u.id DESC LIMIT 1
        ) newest
        """,
        see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
    )


def seen_jobs(caller: Caller) -> Columns[SeenJob]:
    """The columns of a job `j` with its sample `s`. Name and tasks are one value each, read for the jobs of a page only."""
    name = Sql(
        """
        (SELECT u.file_name FROM submission u WHERE u.sample_id = s.id AND {}
          ORDER BY u.submitted_time DESC, u.id DESC LIMIT 1)
        """,
        see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
    )
    return Columns.of(SeenJob, "j", sha256="s.sha256", size="s.size", name=name, tasks=TASKS)


def newest_jobs(caller: Caller) -> OrderedListing[SeenJob]:
    """The jobs that the caller may see, the newest first, each with a name."""
    listing: OrderedListing[Any] = jobs_matching(caller, EVERYTHING, ["-enqueuedTimestamp"])
    listing.show_as(seen_jobs(caller))
    return listing


async def newest_sightings(db: Connection, caller: Caller, digests: Sequence[bytes]) -> dict[bytes, Sighting]:
    """Find the newest visible submission of each of the samples, by digest."""
    query = Sql(
        "SELECT {} FROM sample s CROSS JOIN {} WHERE {}",
        COLUMNS.selected,
        newest_of(caller),
        one_of("s.sha256", "bytea", list(digests)),
    )
    return {row[0]: COLUMNS.read(row) for row in await query.rows(db)}
