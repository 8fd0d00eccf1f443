"""Reading the analyses of a visible sample that the caller may see."""

from functools import partial
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows, sees_internal
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.analyses.model import Analysis, AnalysisSummary, LatestAnalysis
from samplebank.database import Columns, Connection, Made, Sql, Statement, all_of
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.samples.model import Sample

COLUMNS = Columns.of(
    Analysis,
    "a",
    sha256="s.sha256",
    has_public_evidence="EXISTS (SELECT FROM evidence e WHERE e.analysis_id = a.id AND NOT e.internal)",
    has_internal_evidence="EXISTS (SELECT FROM evidence e WHERE e.analysis_id = a.id AND e.internal)",
    job_id="j.id",
    job_state="j.state",
)
FROM = "analysis a JOIN sample s ON s.id = a.sample_id LEFT JOIN job j ON j.id = a.job_id"
GET_ANALYSIS = Statement(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE a.id = :id")
LATEST = Columns.of(LatestAnalysis, "a")
ANALYSERS = "SELECT DISTINCT a.agent_name, a.agent_version FROM analysis a WHERE {} ORDER BY 1, 2"
LATEST_OF = f"SELECT {LATEST.sql} FROM analysis a WHERE {{}} ORDER BY a.created_time DESC, a.id DESC LIMIT 1"
NEWEST_BY_WORKER = """
    SELECT DISTINCT ON (a.agent_name) a.id FROM analysis a
     WHERE {} ORDER BY a.agent_name, a.created_time DESC, a.id DESC
"""
STRUCTURE_OF = """
    SELECT jsonb_path_query_array(a.result, '$.*.sections[0 to 199]') || jsonb_path_query_array(a.result, '$.*.overlay')
      FROM analysis a WHERE a.sample_id = s.id AND {} AND a.agent_name = {} ORDER BY a.created_time DESC, a.id DESC LIMIT 1
"""
NO_ANALYSIS = "There is no analysis with this id of a sample that you may see."


def _visible(caller: Caller, sample: Sample, *permissions: Permission) -> Sql:
    return all_of([Sql("a.sample_id = {}", sample.id), see_rows(caller, "a", *permissions)])


def analyses_of(caller: Caller, sample: Sample) -> Listing[Analysis]:
    """List the analyses of the sample, newest first."""
    where = _visible(caller, sample, Permission.VIEW_ANALYSIS)
    shown = Made(COLUMNS, partial(_shown_to, caller))
    order = "ORDER BY a.created_time DESC, a.id DESC"
    return Listing(shown, FROM, where, order, counted="analysis a")


def newest_by_worker(caller: Caller, sample: Sample) -> Listing[Analysis]:
    """List the newest analysis of each worker, the highest score first, and the newest of the same score."""
    newest = Sql(NEWEST_BY_WORKER, _visible(caller, sample, Permission.VIEW_ANALYSIS))
    shown = Made(COLUMNS, partial(_shown_to, caller))
    order = "ORDER BY a.score DESC, a.created_time DESC, a.id DESC"
    return Listing(shown, FROM, Sql("a.id IN ({})", newest), order)


async def get_visible_analysis(
    db: Connection,
    caller: Caller,
    sample: Sample,
    reference: str,
    *permissions: Permission,
) -> Analysis:
    """Get an analysis of the sample that the caller may see by any of `permissions`. Raises `NotFound`."""
    where = all_of([_visible(caller, sample, *permissions), Sql("a.id = {}", find_id(reference))])
    row = await Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}}", where).row(db)
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return _shown_to(caller, COLUMNS.read(row))


def _shown_to(caller: Caller, analysis: Analysis) -> Analysis:
    """Hide internal evidence from a caller who may not see internal evidence."""
    if not analysis.has_internal_evidence or sees_internal(caller, analysis.customer_id):
        return analysis
    return msgspec.structs.replace(analysis, has_internal_evidence=False)


async def get_own_analysis(db: Connection, caller: Caller, id_: UUID) -> Analysis:
    """Get an analysis that the caller has just made."""
    row = await GET_ANALYSIS.row(db, id=id_)
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return _shown_to(caller, COLUMNS.read(row))


async def summary(db: Connection, caller: Caller, sample: Sample) -> AnalysisSummary:
    """Sum up the analyses that the caller may see: the analysers, and the latest analysis."""
    where = _visible(caller, sample, Permission.VIEW_ANALYSIS)
    analysers = await Sql(ANALYSERS, where).rows(db)
    latest = await Sql(LATEST_OF, where).row(db)
    return AnalysisSummary(
        analysers=[(row[0], row[1]) for row in analysers],
        latest=None if latest is None else LATEST.read(latest),
    )


def latest_structure(caller: Caller, agent: str) -> Sql:
    """An expression for the sections and overlays that the latest analysis of the sample `s` by `agent` tells of.

    NULL without such an analysis.
    """
    return Sql(f"({STRUCTURE_OF})", see_rows(caller, "a", Permission.VIEW_ANALYSIS), agent)
