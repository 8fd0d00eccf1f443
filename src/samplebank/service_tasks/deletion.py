"""The complete deletion of a sample, in short steps that may be repeated: what belongs to it, its record, its bytes.

A step that finds work does some of it; the one that finds none, with the sample locked, makes the sample the record of
a deleted one. Only then the bytes go, under the same lock, so that an upload of them cannot lose them. Jobs are locked
before the sample, as whoever ends a job does.
"""

from typing import Any, NamedTuple
from uuid import UUID

from samplebank.accounts.caller import Scope
from samplebank.analyses import evidence
from samplebank.blobs import Area
from samplebank.database import Connection, Statement
from samplebank.samples.model import Sample
from samplebank.service_tasks import running
from samplebank.service_tasks.model import Operation, Running, State, Step, Tools
from samplebank.submissions.retention import FORGET_READERS
from samplebank.timespec import Millis

#: rows deleted in one step; analyses are larger than the others
BATCH = 1000
ANALYSES = 100
FIND_OPEN = """
    SELECT correlation_id FROM service_task
     WHERE finished_time IS NULL AND operation = 'deleteSample' AND arguments @> $1::jsonb LIMIT 1
"""
CUSTOMERS = "SELECT DISTINCT customer_id FROM submission WHERE sample_id = $1"
LOCK_SAMPLE = "SELECT sha256, created_time, deleted_time, unread_since FROM sample WHERE id = $1 FOR UPDATE"
LOCK_JOBS = "SELECT id FROM job WHERE sample_id = $1 ORDER BY id LIMIT $2 FOR UPDATE"
HAS_JOBS = "SELECT EXISTS (SELECT FROM job WHERE sample_id = $1)"
DELETE_JOBS = (
    "DELETE FROM job_task_analysis WHERE task_id IN (SELECT id FROM job_task WHERE job_id = ANY($1::uuid[]))",
    "DELETE FROM job_task WHERE job_id = ANY($1::uuid[])",
    "DELETE FROM job WHERE id = ANY($1::uuid[])",
)
FIND_VERDICTS = "SELECT id FROM verdict WHERE sample_id = $1 LIMIT $2"
DELETE_VERDICTS = (
    "DELETE FROM verdict_analysis WHERE verdict_id = ANY($1::uuid[])",
    "DELETE FROM verdict WHERE id = ANY($1::uuid[])",
)
LOCK_ANALYSES = "SELECT id FROM analysis WHERE sample_id = $1 ORDER BY id LIMIT $2 FOR UPDATE"
DELETE_EVIDENCE = "DELETE FROM evidence WHERE analysis_id = ANY($1::uuid[]) RETURNING sha256"
DELETE_ANALYSES = "DELETE FROM analysis WHERE id = ANY($1::uuid[])"
#: what belongs to a sample and to nothing else, and how the response context calls it
PLAIN = {
    "link": "links",
    "static_fact": "facts",
    "classification": "classifications",
    "challenge": "challenges",
    "submission": "submissions",
}
DELETE_PLAIN = {
    table: Statement(f"""
        WITH gone AS (
            DELETE FROM {table}
             WHERE id IN (SELECT id FROM {table} WHERE sample_id = :sample_id LIMIT :most) RETURNING 1
        )
        SELECT count(*) FROM gone
    """)
    for table in PLAIN
}
#: no more rows than there are users
DELETE_RANGES = "DELETE FROM challenge_range WHERE sample_id = $1"
# The readers stay, so that the record is seen by those who may delete among them.
LEAVE_RECORD = """
    UPDATE sample SET deleted_time = $2, md5 = NULL, sha1 = NULL, sha512 = NULL, classification_id = NULL,
           verdict_id = NULL, classification_wanted = false, unread_since = NULL, alerts_wanted = false
     WHERE id = $1
"""


class Condemned(NamedTuple):
    """A locked sample."""

    sha256: bytes
    created_time: Millis
    deleted_time: Millis | None
    unread_since: Millis | None


async def open_deletion(
    db: Connection, sample: Sample, *, user_id: int, now: Millis, only_unread: bool = False
) -> UUID:
    """Open the task that deletes the sample, unless one is open already; answers its correlation id.

    What is uploaded again after a deletion is another sample: this task leaves it alone. With `only_unread` it also
    leaves a sample alone that is submitted meanwhile.
    """
    which = {"sample": sample.id, "created": sample.created_time, "onlyUnread": only_unread}
    found: UUID | None = await db.fetchval(FIND_OPEN, which)
    return found or await running.open_task(db, Operation.DELETE, which, user_id=user_id, now=now)


async def may_delete(db: Connection, sample: Sample, scope: Scope) -> bool:
    """Tell whether every customer that has the sample is in `scope`."""
    return all(scope.covers(row[0]) for row in await db.fetch(CUSTOMERS, sample.id))


async def step(db: Connection, task: Running, tools: Tools, now: Millis) -> Step:
    """Delete some of what is left of the sample."""
    sample_id: int = task.arguments["sample"]
    if task.arguments.get("unused"):
        return await _remove_evidence(db, task, tools)
    jobs = [row[0] for row in await db.fetch(LOCK_JOBS, sample_id, BATCH)]
    row = await db.fetchrow(LOCK_SAMPLE, sample_id)
    if row is None or row["created_time"] != task.arguments["created"]:
        return Step(State.DONE, "The sample was deleted before, and has been uploaded again since.")
    sample = Condemned(*row)
    if sample.deleted_time is not None:
        await tools.blobs.remove(Area.SAMPLE, sample.sha256)
        return Step(State.DONE, "The sample is deleted.")
    if task.arguments["onlyUnread"] and sample.unread_since is None:
        return Step(State.DONE, "The sample was submitted again, so it stays.")
    if not await _delete_some(db, task, sample_id, jobs):
        await db.execute(DELETE_RANGES, sample_id)
        await db.execute(LEAVE_RECORD, sample_id, now)
    return Step()


async def repair(db: Connection, arguments: dict[str, Any], *, now: Millis) -> None:
    """Give a sample whose deletion is aborted the readers of the submissions that it still has."""
    row = await db.fetchrow(LOCK_SAMPLE, arguments["sample"])
    if row is not None and row["deleted_time"] is None:
        await FORGET_READERS.run(db, sample_ids=[arguments["sample"]], now=now)


async def _delete_some(db: Connection, task: Running, sample_id: int, jobs: list[UUID]) -> bool:
    """Delete a batch of what comes first; False when nothing is left."""
    if jobs:
        await _delete(db, DELETE_JOBS, jobs)
        await running.count(db, task, "jobs", len(jobs))
        return True
    if await db.fetchval(HAS_JOBS, sample_id):
        # opened since the look for jobs; none can be while the sample is locked
        return True
    verdicts = [row[0] for row in await db.fetch(FIND_VERDICTS, sample_id, BATCH)]
    if verdicts:
        await _delete(db, DELETE_VERDICTS, verdicts)
        await running.count(db, task, "verdicts", len(verdicts))
        return True
    return await _delete_analyses(db, task, sample_id) or await _delete_plain(db, task, sample_id)


async def _delete_analyses(db: Connection, task: Running, sample_id: int) -> bool:
    """Delete a batch of analyses, and note the evidence whose bytes may have to go with them."""
    analyses = [row[0] for row in await db.fetch(LOCK_ANALYSES, sample_id, ANALYSES)]
    if not analyses:
        return False
    unused = {row[0].hex() for row in await db.fetch(DELETE_EVIDENCE, analyses)}
    await db.execute(DELETE_ANALYSES, analyses)
    await running.remember(db, task, unused=sorted(unused))
    await running.count(db, task, "analyses", len(analyses))
    return True


async def _delete_plain(db: Connection, task: Running, sample_id: int) -> bool:
    for table, name in PLAIN.items():
        deleted = await DELETE_PLAIN[table].value(db, sample_id=sample_id, most=BATCH)
        if deleted:
            await running.count(db, task, name, deleted)
            return True
    return False


async def _remove_evidence(db: Connection, task: Running, tools: Tools) -> Step:
    """Remove the bytes of evidence whose rows are gone for good by now."""
    for name in task.arguments["unused"]:
        await evidence.remove_unused(db, tools.blobs, bytes.fromhex(name))
    await running.remember(db, task, unused=[])
    return Step()


async def _delete(db: Connection, statements: tuple[str, ...], ids: list[UUID]) -> None:
    for statement in statements:
        await db.execute(statement, ids)
