"""Reading verdicts. A verdict belongs to the sample; analyses and job are named only if the caller may see them.

Everybody sees the status of a manual verdict. Comment and author are shown only to callers with a view permission for a
customer for whom the author could judge.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from samplebank.accounts.access import see_customers, see_rows, sees_judgement
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Where, order_by
from samplebank.database.listing import Listing
from samplebank.samples.model import Sample
from samplebank.verdicts.model import Verdict

SORTS = {
    "createdTimestamp": "v.created_time",
    "triggeredDetections": "v.triggered_detections",
    "score": "v.score",
}
FROM = "verdict v JOIN sample s ON s.id = v.sample_id LEFT JOIN job j ON j.id = v.job_id"


def columns(where: Where, caller: Caller) -> Columns[Verdict]:
    """The columns of a verdict `v` of a sample `s` with the job `j`, as far as the caller may see the verdict."""
    analyses = Where()
    analyses.parameters = where.parameters
    see_rows(analyses, caller, "a", Permission.VIEW_ANALYSIS, Permission.VIEW_VERDICTS)
    jobs = Where()
    jobs.parameters = where.parameters
    see_customers(jobs, caller, "j.customer_id", Permission.VIEW_JOBS)
    sees_job = jobs.sql
    sees_author = f"v.manual AND {sees_judgement(where, caller, 'v.judged_for')}"
    return Columns.of(
        Verdict,
        "v",
        sha256="s.sha256",
        comment=f"CASE WHEN {sees_author} THEN v.comment END",
        user_id=f"CASE WHEN {sees_author} THEN v.user_id END",
        job_id=f"CASE WHEN {sees_job} THEN j.id END",
        job_state=f"CASE WHEN {sees_job} THEN j.state END",
        analyses=f"""
            coalesce((SELECT jsonb_agg(jsonb_build_object(
                        'id', a.id, 'analysisScore', a.score, 'difference', va.difference, 'impact', va.impact,
                        'possibleDetections', a.possible_detections, 'tags', a.tags,
                        'triggeredDetections', a.detections,
                        'userAgent', jsonb_build_object('name', a.agent_name, 'version', a.agent_version))
                        ORDER BY va.position)
                    FROM verdict_analysis va JOIN analysis a ON a.id = va.analysis_id
                   WHERE va.verdict_id = v.id AND {analyses.sql}), '[]')
        """,
    )


def verdicts_of(caller: Caller, sample: Sample, sort: Sequence[str]) -> Listing[Verdict]:
    where = Where()
    where.add("v.sample_id = {}", sample.id)
    selected = columns(where, caller)
    return Listing(selected, FROM, where, order_by(sort, SORTS, "v.id"))


async def get_verdict(db: Connection, caller: Caller, id_: UUID) -> Verdict:
    where = Where()
    where.add("v.id = {}", id_)
    shown = columns(where, caller)
    row: Any = await db.fetchrow(f"SELECT {shown.sql} FROM {FROM} WHERE {where.sql}", *where.parameters)
    # None is impossible: the verdict was stored in the same transaction
    return shown.read(row)
