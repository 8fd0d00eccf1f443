"""How samples were seen: for each sample of a page, the newest submission that the caller may see."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql
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
    """A job with the name of its submission, and its tasks as pairs of worker and state."""

    name: str | None
    tasks: Sequence[Any]


TASKS: Final = """
    (SELECT coalesce(jsonb_agg(jsonb_build_array(t.worker, t.state) ORDER BY t.worker), '[]')
       FROM job_task t WHERE t.job_id = j.id)
"""
NAMES: Final = """
    SELECT one.id, newest.file_name FROM unnest({}::bigint[]) one(id)
     CROSS JOIN LATERAL (
        SELECT u.file_name, u.submitted_time, u.id FROM submission u WHERE u.sample_id = one.id AND {}
         ORDER BY u.submitted_time DESC, u.id DESC LIMIT {}
     ) newest
     ORDER BY newest.submitted_time DESC, newest.id DESC
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


def newest_name(caller: Caller) -> Sql:
    """An expression for the file name of the newest visible submission of the sample `s`."""
    return Sql(
        """
        (SELECT u.file_name FROM submission u WHERE u.sample_id = s.id AND {}
          ORDER BY u.submitted_time DESC, u.id DESC LIMIT 1)
        """,
        see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
    )


def name_of_job(caller: Caller) -> Sql:
    """An expression for the file name of the submission that opened the job `j` of the sample `s`.

    A job without a submission that the caller may see, such as a further analysis, has the name of the newest visible submission.
    """
    return Sql(
        """
        coalesce((SELECT u.file_name FROM job own JOIN submission u ON u.id = own.submission_id
                   WHERE own.id = j.id AND {}), {})
        """,  # gathered jobs `j` have the columns of an index alone
        see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
        newest_name(caller),
    )


def seen_jobs(caller: Caller) -> Columns[SeenJob]:
    """The columns of a job `j` with its sample `s`. Name and tasks are one value each, read for the jobs of a page only."""
    name = name_of_job(caller)
    return Columns.of(SeenJob, "j", sha256="s.sha256", size="s.size", name=name, tasks=TASKS)


def newest_jobs(caller: Caller) -> OrderedListing[SeenJob]:
    """The jobs that the caller may see, the newest first, each with a name."""
    listing: OrderedListing[Any] = jobs_matching(caller, EVERYTHING, ["-enqueuedTimestamp"])
    listing.show_as(seen_jobs(caller))
    return listing


async def find_name_of_job(db: Connection, caller: Caller, job_id: UUID) -> str | None:
    """The file name of a job, as `name_of_job` tells the name."""
    query = Sql(
        "SELECT {} FROM job j JOIN sample s ON s.id = j.sample_id WHERE j.id = {}",
        name_of_job(caller),
        job_id,
    )
    name: str | None = await query.value(db)
    return name


async def newest_names(
    db: Connection, caller: Caller, samples: Iterable[int], most: int
) -> dict[int, list[str]]:
    """The names of the newest `most` visible submissions of each of the samples, by the id of the sample."""
    see = see_rows(caller, "u", Permission.VIEW_SUBMISSION)
    found: dict[int, list[str]] = {id_: [] for id_ in samples}
    for id_, name in await Sql(NAMES, list(found), see, most).rows(db):
        found[id_].append(name)
    return found
