"""Reading analyses: those of a visible sample that the caller may see."""

from functools import partial
from typing import Any
from uuid import UUID

from samplebank.accounts.access import see_rows, sees_internal
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.analyses.model import Analysis
from samplebank.database import Connection, Where
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.samples.model import Sample

COLUMNS = """
    a.id, s.sha256, a.customer_id, a.user_id, a.tlp, a.acl, a.score, a.status_override, a.tags, a.detections,
    a.possible_detections, a.profile, a.internet_access, a.agent_name, a.agent_version, a.created_time, a.result,
    EXISTS (SELECT FROM evidence e WHERE e.analysis_id = a.id AND NOT e.internal),
    EXISTS (SELECT FROM evidence e WHERE e.analysis_id = a.id AND e.internal), j.id, j.state
"""
FROM = "analysis a JOIN sample s ON s.id = a.sample_id LEFT JOIN job j ON j.id = a.job_id"
ANALYSERS = "SELECT DISTINCT a.agent_name, a.agent_version FROM analysis a WHERE {} ORDER BY 1, 2"
LATEST = """
    SELECT a.id, a.score, a.agent_name, a.agent_version FROM analysis a WHERE {}
     ORDER BY a.created_time DESC, a.id DESC LIMIT 1
"""
NO_ANALYSIS = "There is no analysis with this id of a sample that you may see."


def _visible(caller: Caller, sample: Sample, *permissions: Permission) -> Where:
    where = Where()
    where.add("a.sample_id = {}", sample.id)
    see_rows(where, caller, "a", *permissions)
    return where


def analyses_of(caller: Caller, sample: Sample) -> Listing[Analysis]:
    """The analyses of the sample, newest first."""
    where = _visible(caller, sample, Permission.VIEW_ANALYSIS)
    return Listing(
        COLUMNS, FROM, where, "ORDER BY a.created_time DESC, a.id DESC", partial(_shown_to, caller)
    )


async def get_visible_analysis(
    db: Connection,
    caller: Caller,
    sample: Sample,
    reference: str,
    *permissions: Permission,
) -> Analysis:
    """The analysis of the sample, if the caller may see it by any of `permissions`; else raises `NotFound`."""
    where = _visible(caller, sample, *permissions)
    where.add("a.id = {}", find_id(reference))
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM {FROM} WHERE {where.sql}", *where.parameters)
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return _shown_to(caller, *row)


def _shown_to(caller: Caller, *row: Any) -> Analysis:
    """The analysis with the evidence that is for the caller."""
    *said, has_public, has_internal, job_id, job_state = row
    customer_id = said[2]
    has_evidence = has_public or (has_internal and sees_internal(caller, customer_id))
    return Analysis(*(*said, has_evidence, job_id, job_state))


async def get_own_analysis(db: Connection, caller: Caller, id_: UUID) -> Analysis:
    """An analysis that the caller has just made."""
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM {FROM} WHERE a.id = $1", id_)
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return _shown_to(caller, *row)


async def summary(
    db: Connection,
    caller: Caller,
    sample: Sample,
) -> tuple[list[tuple[str, str]], tuple[UUID, int, str, str] | None]:
    """((name, version) of everyone who analysed the sample, (id, score, name, version) of the latest analysis)."""
    where = _visible(caller, sample, Permission.VIEW_ANALYSIS)
    analysers = await db.fetch(ANALYSERS.format(where.sql), *where.parameters)
    latest = await db.fetchrow(LATEST.format(where.sql), *where.parameters)
    return [(row[0], row[1]) for row in analysers], None if latest is None else (*latest,)
