"""Reading verdicts. A verdict belongs to the sample; analyses and job are named only if the caller may see them.

Everybody sees the status of a manual verdict. Comment and author are shown only to callers with a view permission for a
customer for whom the author could judge.
"""

from collections.abc import Sequence
from uuid import UUID

from samplebank.accounts.access import see_customers, see_rows, sees_judgement
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Sql, Statement, order_by
from samplebank.database.listing import Listing
from samplebank.samples.model import Sample
from samplebank.verdicts.model import IS_WITHDRAWAL, Verdict

SORTS = {
    "createdTimestamp": "v.created_time",
    "triggeredDetections": "v.triggered_detections",
    "score": "v.score",
}
FROM = "verdict v JOIN sample s ON s.id = v.sample_id LEFT JOIN job j ON j.id = v.job_id"

#: whether the latest verdict by hand before a verdict was in force, with the same override
IS_CARRIED = Statement(f"""
    SELECT coalesce((
        SELECT NOT {IS_WITHDRAWAL} AND v.status_override = :override FROM verdict v
         WHERE v.sample_id = (SELECT sample_id FROM verdict WHERE id = :id) AND v.manual AND v.created_time < :created
         ORDER BY v.created_time DESC, v.id DESC LIMIT 1), false)
""")


def columns(caller: Caller) -> Columns[Verdict]:
    """The columns of a verdict `v` of a sample `s` with the job `j`, as far as the caller may see the verdict."""
    sees_job = see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)
    sees_author = sees_judgement(caller, "v.judged_for")
    sees_analysis = see_rows(caller, "a", Permission.VIEW_ANALYSIS, Permission.VIEW_VERDICTS)
    if sees_job is sees_author is sees_analysis is TRUE:
        return WHOLE
    return _columns(sees_job, sees_author, sees_analysis)


def _columns(sees_job: Sql, sees_author: Sql, sees_analysis: Sql) -> Columns[Verdict]:
    """The columns with the conditions on the job `j`, on the author of a manual verdict and on an analysis `a`."""
    is_signed = Sql("v.manual AND {}", sees_author)
    return Columns.of(
        Verdict,
        "v",
        sha256="s.sha256",
        comment=Sql("CASE WHEN {} THEN v.comment END", is_signed),
        user_id=Sql("CASE WHEN {} THEN v.user_id END", is_signed),
        job_id=Sql("CASE WHEN {} THEN j.id END", sees_job),
        job_state=Sql("CASE WHEN {} THEN j.state END", sees_job),
        analyses=Sql(
            """
            coalesce((SELECT jsonb_agg(jsonb_build_object(
                        'id', a.id, 'analysisScore', a.score, 'difference', va.difference, 'impact', va.impact,
                        'possibleDetections', a.possible_detections, 'tags', a.tags,
                        'triggeredDetections', a.detections,
                        'userAgent', jsonb_build_object('name', a.agent_name, 'version', a.agent_version))
                        ORDER BY va.position)
                    FROM verdict_analysis va JOIN analysis a ON a.id = va.analysis_id
                   WHERE va.verdict_id = v.id AND {}), '[]')
            """,
            sees_analysis,
        ),
        is_withdrawal=f"v.manual AND {IS_WITHDRAWAL}",
    )


#: for callers from whom nothing is hidden
WHOLE = _columns(TRUE, TRUE, TRUE)


def verdicts_of(caller: Caller, sample: Sample, sort: Sequence[str]) -> Listing[Verdict]:
    where = Sql("v.sample_id = {}", sample.id)
    return Listing(columns(caller), FROM, where, order_by(sort, SORTS, "v.id"), counted="verdict v")


async def get_verdict(db: Connection, caller: Caller, id_: UUID) -> Verdict:
    shown = columns(caller)
    row = await Sql(f"SELECT {{}} FROM {FROM} WHERE v.id = {{}}", shown.selected, id_).row(db)
    # None is impossible: the verdict was stored in the same transaction
    return shown.read(row)


async def is_by_hand(db: Connection, verdict: Verdict) -> bool:
    """Whether the override of a verdict was set by hand, with the verdict or before. Otherwise analyses have the override."""
    if verdict.manual or verdict.status_override is None:
        return verdict.manual and not verdict.is_withdrawal
    carried: bool = await IS_CARRIED.value(
        db, id=verdict.id, override=verdict.status_override, created=verdict.created_time
    )
    return carried
