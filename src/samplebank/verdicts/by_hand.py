"""Verdicts by hand: set, and taken back.

A withdrawal is a manual verdict, too: later verdicts carry the override of the latest manual verdict, and a withdrawal has
none to be carried. Its score and override are those of the analyses. Nothing of the history is removed.
"""

from typing import Final
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Scope
from samplebank.database import Connection, Statement
from samplebank.errors import Conflict, Forbidden, NotFound
from samplebank.jobs.model import JobRules
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis
from samplebank.verdicts.model import IS_WITHDRAWAL, MANUAL_SCORES
from samplebank.verdicts.ruling import (
    FINDING,
    Circumstances,
    Ruling,
    circumstances,
    finding_of,
    lock_sample,
    stored,
)
from samplebank.verdicts.weighing import Assessment, weigh

FIND_CIRCUMSTANCES = Statement(f"SELECT {circumstances(':sample_id')}")
CUSTOMERS = "SELECT DISTINCT customer_id FROM submission WHERE sample_id = $1"
STORE = Statement(f"WITH {stored('(VALUES (1)) always')} SELECT id FROM stored")
#: whether the latest manual verdict was set by hand, and has not been taken back; NULL where there is none
IS_SET = Statement(f"""
    SELECT NOT {IS_WITHDRAWAL} FROM verdict v WHERE v.sample_id = :sample_id AND v.manual
     ORDER BY v.created_time DESC, v.id DESC LIMIT 1
""")
#: the analyses that the latest verdict of a job weighed
WEIGHED = Statement(f"""
    SELECT {FINDING} FROM verdict_analysis va JOIN analysis a ON a.id = va.analysis_id
     WHERE va.verdict_id = (SELECT v.id FROM verdict v WHERE v.sample_id = :sample_id AND NOT v.manual
                             ORDER BY v.created_time DESC, v.id DESC LIMIT 1)
     ORDER BY va.position
""")
NOT_FOR_ALL: Final = "Customers have the sample for whom you do not hold the permission addSampleVerdict."
NOTHING_SET: Final = "No verdict by hand is in force for the sample, so there is nothing to take back."


class Judge(msgspec.Struct, frozen=True):
    """Who judges, with the reason. `held` is where the author may judge."""

    user_id: int
    held: Scope
    comment: str


async def set_verdict(
    db: Connection, sample_id: int, status: str, judge: Judge, *, rules: JobRules, now: Millis
) -> UUID:
    """Store a manual verdict, whose status later verdicts carry; answers the id of the verdict.

    A verdict counts for every customer that has the sample. Raises `Forbidden` unless the author may judge for all of
    them, and `NotFound` when the sample has been deleted meanwhile.
    """
    await _lock(db, sample_id, judge)
    assessment = msgspec.structs.replace(weigh([]), score=MANUAL_SCORES[status])
    return await _store(db, sample_id, assessment, status, judge, rules=rules, now=now)


async def withdraw_verdict(
    db: Connection, sample_id: int, judge: Judge, *, rules: JobRules, now: Millis
) -> UUID:
    """Take the latest manual verdict back: store the verdict of the analyses; answers the id of the verdict.

    Raises as `set_verdict`, and `Conflict` when there is nothing to take back.
    """
    await _lock(db, sample_id, judge)
    if not await IS_SET.value(db, sample_id=sample_id):
        raise Conflict(NOTHING_SET)
    assessment = weigh([finding_of(row) for row in await WEIGHED.rows(db, sample_id=sample_id)])
    return await _store(db, sample_id, assessment, assessment.status_override, judge, rules=rules, now=now)


async def _lock(db: Connection, sample_id: int, judge: Judge) -> None:
    if not await lock_sample(db, sample_id):
        raise NotFound(NO_SAMPLE)
    if not all(judge.held.covers(row[0]) for row in await db.fetch(CUSTOMERS, sample_id)):
        raise Forbidden(NOT_FOR_ALL)


async def _store(
    db: Connection,
    sample_id: int,
    assessment: Assessment,
    override: str | None,
    judge: Judge,
    *,
    rules: JobRules,
    now: Millis,
) -> UUID:
    row = await FIND_CIRCUMSTANCES.row(db, sample_id=sample_id)
    ruling = Ruling(
        sample_id=sample_id,
        job_id=None,
        assessment=assessment,
        circumstances=Circumstances(row["carried_override"], shared=row["shared"]),
        override=override,
        malicious_score=rules.malicious_score,
        comment=judge.comment,
        user_id=judge.user_id,
        judged_for=None if judge.held.everywhere else sorted(judge.held.customers),
    )
    id_: UUID = await STORE.value(db, **ruling.values(now))
    return id_
