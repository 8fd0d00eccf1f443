"""The complete deletion of a sample, in short steps that may be repeated: the rows of the sample, the sample, the bytes.

A step that finds rows of the sample deletes some rows. A step that finds no more rows, with the sample locked, makes the
sample the record of a deleted sample. Only then the bytes are removed, under the same lock, so that an upload of the same
bytes cannot lose the bytes. Jobs are locked before the sample, as at the end of a job.
"""

from typing import Any, NamedTuple
from uuid import UUID

from msgspec import to_builtins

from samplebank.accounts.caller import Scope
from samplebank.analyses import evidence
from samplebank.audit.model import EVERY_OWNER, SERVICE, Entry, Kind
from samplebank.audit.recording import record, user
from samplebank.blobs import Area, Blob
from samplebank.database import Connection, Statement
from samplebank.installation import removals
from samplebank.samples import derived_facts
from samplebank.samples.model import Sample
from samplebank.service_tasks import leftovers, proof, receipts, running
from samplebank.service_tasks.losses import Losses
from samplebank.service_tasks.model import Operation, RunningTask, State, Step, Tools
from samplebank.submissions.retention import FORGET_READERS
from samplebank.timespec import Millis

#: rows deleted in one step; analyses are larger than other rows
BATCH = 1000
ANALYSES = 100
FIND_OPEN = """
    SELECT correlation_id FROM service_task
     WHERE finished_time IS NULL AND operation = 'deleteSample' AND arguments @> $1::jsonb LIMIT 1
"""
CUSTOMERS = "SELECT DISTINCT customer_id FROM submission WHERE sample_id = $1"
LOCK_SAMPLE = (
    "SELECT sha256, size, created_time, deleted_time, blob_token FROM sample WHERE id = $1 FOR UPDATE"
)
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
DELETE_EVIDENCE = (
    "DELETE FROM evidence WHERE analysis_id = ANY($1::uuid[]) RETURNING sha256, blob_token AS token"
)
DELETE_ANALYSES = "DELETE FROM analysis WHERE id = ANY($1::uuid[])"
#: tables whose rows belong to a sample and to nothing else, and their names in the response context. Challenges are not
#: told: whoever asked for a challenge has the file, and may have shown the file to nobody
PLAIN = {
    "link": "links",
    "sample_note": "notes",
    "static_fact": "facts",
    "classification": "classifications",
    "challenge": None,
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
#: all at once, as there are no more rows than users
DELETE_RANGES = "DELETE FROM challenge_range WHERE sample_id = $1"
#: all at once, as few submissions come before the type of a file
DELETE_MARKS = "DELETE FROM untyped_plan WHERE sample_id = $1"
#: all at once, as a root has few children, and few hunts find a sample
DELETE_PLACES = (
    "DELETE FROM hunt_hit WHERE sample_id = $1",
    "DELETE FROM extraction WHERE sample_id = $1",
    "DELETE FROM extracted WHERE parent_id = $1 OR sample_id = $1",
)
#: children of the parents, whose other parents are gone as well, and which nobody submitted
LOST_CHILDREN = Statement("""
    SELECT DISTINCT e.sample_id FROM extracted e
     WHERE e.parent_id = ANY (:parents::bigint[]) AND e.sample_id <> ALL (:gone::bigint[])
       AND NOT EXISTS (SELECT FROM extracted other
                        WHERE other.sample_id = e.sample_id AND other.parent_id <> ALL (:gone)
                          AND other.parent_id <> e.sample_id)
       AND NOT EXISTS (SELECT FROM submission u
                        WHERE u.sample_id = e.sample_id
                          AND NOT EXISTS (SELECT FROM extracted own WHERE own.submission_id = u.id))
""")
CHILDREN = Statement(
    "SELECT id, created_time FROM sample WHERE id = ANY (:ids::bigint[]) AND deleted_time IS NULL"
)
# The readers stay, so that readers who may delete samples see the record.
LEAVE_RECORD = """
    WITH deleted AS (
        UPDATE sample SET deleted_time = $2, md5 = NULL, sha1 = NULL, sha512 = NULL, classification_id = NULL,
               verdict_id = NULL, classification_wanted = false, unread_since = NULL, alerts_wanted = false,
               parents_wanted = false
         WHERE id = $1 RETURNING id, size, deleted_time
    )
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT id, 'deletion', jsonb_build_object('size', size, 'deletedTimestamp', deleted_time), deleted_time FROM deleted
"""


class LockedSample(NamedTuple):
    """A locked sample that is to be deleted."""

    sha256: bytes
    size: int
    created_time: Millis
    deleted_time: Millis | None
    blob_token: bytes | None


async def open_deletion(
    db: Connection,
    sample: Sample,
    *,
    user_id: int,
    now: Millis,
    only_unread: bool = False,
    seen: Losses | None = None,
) -> UUID:
    """Open the task that deletes the sample, unless the task is open already; answers the correlation id of the task.

    Bytes uploaded again after a deletion are another sample: the task leaves the other sample alone. With `only_unread`,
    the task also leaves a sample alone that is uploaded or submitted meanwhile. With `seen`, what the user saw of
    everything that goes, the task ends with a receipt.
    """
    which = {"sample": sample.id, "created": sample.created_time, "onlyUnread": only_unread}
    found: UUID | None = await db.fetchval(FIND_OPEN, which)
    asked = {} if seen is None else {"asked": {"timestamp": now, "seen": to_builtins(seen)}}
    return found or await running.open_task(db, Operation.DELETE, which | asked, user_id=user_id, now=now)


async def may_delete(db: Connection, sample: Sample, scope: Scope) -> bool:
    """Tell whether every customer that has the sample is in `scope`."""
    return all(scope.covers(row[0]) for row in await db.fetch(CUSTOMERS, sample.id))


async def step(db: Connection, task: RunningTask, tools: Tools, now: Millis) -> Step:
    """Delete a batch of what is left of the sample: rows first, then the sample, then the bytes."""
    sample_id: int = task.arguments["sample"]
    if task.arguments.get("unused"):
        return await _remove_evidence(db, task, tools)
    jobs = [row[0] for row in await db.fetch(LOCK_JOBS, sample_id, BATCH)]
    row = await db.fetchrow(LOCK_SAMPLE, sample_id)
    if row is None or row["created_time"] != task.arguments["created"]:
        return Step(State.DONE, "The sample was deleted before, and has been uploaded again since.")
    sample = LockedSample(**row)
    if sample.deleted_time is not None:
        blob = Blob(sample.sha256, sample.blob_token)
        await removals.remove(db, tools.blobs, Area.SAMPLE, blob)
        return await _prove(db, task, tools, sample, now=now)
    if task.arguments["onlyUnread"] and await leftovers.stays(db, sample_id, now=now):
        return Step(State.DONE, "The sample was uploaded or submitted again, so it stays.")
    if not task.arguments.get("descended"):
        return await _delete_children(db, task, sample_id, sample, now=now)
    if not await _delete_some(db, task, sample_id, jobs):
        await db.execute(DELETE_RANGES, sample_id)
        await db.execute(DELETE_MARKS, sample_id)
        for statement in DELETE_PLACES:
            await db.execute(statement, sample_id)
        if "asked" in task.arguments:
            await running.remember(
                db, task, digests=[str(one) for one in await proof.digests_of(db, sample_id)]
            )
        await derived_facts.delete(db, sample_id)
        await db.execute(LEAVE_RECORD, sample_id, now)
        await _record(db, task, sample.sha256, now=now)
    return Step()


async def _record(db: Connection, task: RunningTask, sha256: bytes, *, now: Millis) -> None:
    """Tell the ledger that the sample is gone. Bytes that nobody submitted go in the name of the service."""
    details = {"task": str(task.correlation_id)}
    by = SERVICE if task.arguments["onlyUnread"] else await user(db, task.user_id)
    entry = Entry(now, Kind.DELETION, "sampleDeleted", by, sha256=sha256, details=details)
    await record(db, entry, EVERY_OWNER)


async def _prove(
    db: Connection, task: RunningTask, tools: Tools, sample: LockedSample, *, now: Millis
) -> Step:
    """Look whether anything is left of the sample, and issue the receipt, where a user asked for the deletion."""
    if "asked" not in task.arguments or sample.deleted_time is None:
        return Step(State.DONE, "The sample is deleted.")
    found = await proof.look(
        db, tools.blobs, task.arguments["sample"], sample.sha256, task.arguments.get("digests", ())
    )
    done = receipts.Deletion(
        correlation_id=task.correlation_id,
        user_id=task.user_id,
        sha256=sample.sha256,
        size=sample.size,
        created_time=sample.created_time,
        deleted_time=sample.deleted_time,
        asked=task.arguments["asked"],
        proof=found,
    )
    await receipts.issue(db, done, now=now)
    if not found.is_clean:
        return Step(
            State.FAILED, "The sample is deleted, but something of it is left: the receipt names what."
        )
    return Step(State.DONE, "The sample is deleted.")


async def _delete_children(
    db: Connection, task: RunningTask, sample_id: int, sample: LockedSample, *, now: Millis
) -> Step:
    """Open the deletion of everything that came out of the sample, and from nowhere else."""
    gone, found = [sample_id], [sample_id]
    while found:
        found = [row[0] for row in await LOST_CHILDREN.rows(db, gone=gone, parents=found)]
        gone += found
    asked = task.arguments.get("asked")
    of_parent = (
        {}
        if asked is None
        else {"asked": {"timestamp": asked["timestamp"], "cameOutOf": sample.sha256.hex()}}
    )
    for child in await CHILDREN.rows(db, ids=gone[1:]):
        which = {"sample": child[0], "created": child[1], "onlyUnread": False}
        if await db.fetchval(FIND_OPEN, which) is None:
            await running.open_task(db, Operation.DELETE, which | of_parent, user_id=task.user_id, now=now)
    if len(gone) > 1:
        await running.count(db, task, "children", len(gone) - 1)
    await running.remember(db, task, descended=True)
    return Step()


async def repair(db: Connection, arguments: dict[str, Any], *, now: Millis) -> None:
    """After an aborted deletion, give the sample the readers of the submissions that are left."""
    row = await db.fetchrow(LOCK_SAMPLE, arguments["sample"])
    if row is not None and row["deleted_time"] is None:
        await FORGET_READERS.run(db, sample_ids=[arguments["sample"]], now=now)


async def _delete_some(db: Connection, task: RunningTask, sample_id: int, jobs: list[UUID]) -> bool:
    """Delete a batch of the rows that come first; False when no rows are left."""
    if jobs:
        await _delete(db, DELETE_JOBS, jobs)
        await running.count(db, task, "jobs", len(jobs))
        return True
    if await db.fetchval(HAS_JOBS, sample_id):
        # a job was opened after the look for jobs; no job can be opened while the sample is locked
        return True
    verdicts = [row[0] for row in await db.fetch(FIND_VERDICTS, sample_id, BATCH)]
    if verdicts:
        await _delete(db, DELETE_VERDICTS, verdicts)
        await running.count(db, task, "verdicts", len(verdicts))
        return True
    return await _delete_analyses(db, task, sample_id) or await _delete_plain(db, task, sample_id)


async def _delete_analyses(db: Connection, task: RunningTask, sample_id: int) -> bool:
    """Delete a batch of analyses, and note the evidence whose bytes may have to go, too."""
    analyses = [row[0] for row in await db.fetch(LOCK_ANALYSES, sample_id, ANALYSES)]
    if not analyses:
        return False
    unused = {Blob(**row).name for row in await db.fetch(DELETE_EVIDENCE, analyses)}
    await db.execute(DELETE_ANALYSES, analyses)
    await running.remember(db, task, unused=sorted(unused))
    await running.count(db, task, "analyses", len(analyses))
    return True


async def _delete_plain(db: Connection, task: RunningTask, sample_id: int) -> bool:
    for table, name in PLAIN.items():
        deleted = await DELETE_PLAIN[table].value(db, sample_id=sample_id, most=BATCH)
        if deleted and name is not None:
            await running.count(db, task, name, deleted)
        if deleted:
            return True
    return False


async def _remove_evidence(db: Connection, task: RunningTask, tools: Tools) -> Step:
    """Remove the bytes of evidence whose rows are gone for good by now, if no other evidence has the bytes."""
    for name in task.arguments["unused"]:
        await evidence.remove_unused(db, tools.blobs, Blob.of(name))
    await running.remember(db, task, unused=[])
    return Step()


async def _delete(db: Connection, statements: tuple[str, ...], ids: list[UUID]) -> None:
    for statement in statements:
        await db.execute(statement, ids)
