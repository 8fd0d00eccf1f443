"""The samples of jobs, for another analysis of all of them."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql
from samplebank.database.listing import OrderedListing
from samplebank.database.planning import SERIAL, planned
from samplebank.jobs.model import Job

SAMPLES: Final = (
    "SELECT array_agg(found.sample_id) FROM (SELECT DISTINCT j.sample_id FROM {} WHERE {} LIMIT {}) found"
)


async def samples_of(db: Connection, caller: Caller, jobs: Iterable[UUID]) -> list[int]:
    """The samples of those of the jobs that the caller may see, by id. Unknown and invisible jobs are passed over."""
    see = see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)
    query = Sql("SELECT DISTINCT j.sample_id FROM job j WHERE j.id = ANY({}::uuid[]) AND {}", list(jobs), see)
    return [row[0] for row in await query.rows(db)]


async def samples_matching(db: Connection, listing: OrderedListing[Job], most: int) -> list[int]:
    """The samples of all jobs that the listing finds, by id; any `most` of the samples where there are more."""
    query = Sql(SAMPLES, listing.source, listing.where, most)
    async with planned(db, *SERIAL):
        return await query.value(db) or []
