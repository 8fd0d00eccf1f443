"""Rebuilding the columns derived for searches: the readers of a row, and the last activity of a sample.

The work is cut into slices of time. Each slice is a sub-task, done in batches. Everything stays readable meanwhile.
"""

from samplebank.accounts.caller import readers
from samplebank.accounts.directory import Unknown
from samplebank.database import Connection, Statement, new_id
from samplebank.service_tasks import running
from samplebank.service_tasks.model import Operation, RunningTask, State, Step, Tools
from samplebank.submissions.retention import FORGET_READERS
from samplebank.timespec import Millis

#: samples of one sub-task, and samples of one step of a sub-task
SLICE = 5000
BATCH = 100
FOREVER = 2**62
#: the tables whose rows have readers of their own, by the requested resource
TABLES = {
    "all": ("submission", "analysis", "link", "sample_note"),
    "sample": ("analysis", "link", "sample_note"),
    "submission": ("submission",),
}
FIRST = "SELECT created_time FROM sample WHERE created_time < $1 ORDER BY created_time LIMIT 1"
BOUNDARY = """
    SELECT created_time FROM sample WHERE created_time >= $1 AND created_time < $2
     ORDER BY created_time, id OFFSET $3 LIMIT 1
"""
NEXT = Statement("""
    SELECT id, created_time FROM sample
     WHERE created_time >= :first AND created_time < :last AND (created_time, id) > (:after_time, :after_id)
       -- As in searches, a sample is in the window when the time from creation to last activity overlaps the window.
       AND (activity_time >= :since OR created_time >= :since) AND deleted_time IS NULL
     ORDER BY created_time, id LIMIT :most
""")
LOCK = """
    SELECT id FROM sample WHERE id = ANY($1::bigint[]) AND deleted_time IS NULL ORDER BY id FOR NO KEY UPDATE
"""
KINDS = {
    table: Statement(f"""
        SELECT DISTINCT customer_id, tlp, acl, readers FROM {table} WHERE sample_id = ANY(:sample_ids::bigint[])
    """)
    for table in TABLES["all"]
}
REWRITE = {
    table: Statement(f"""
        UPDATE {table} SET readers = :readers
         WHERE sample_id = ANY(:sample_ids::bigint[]) AND customer_id = :customer_id AND tlp = :tlp
           AND acl = :acl::bigint[] AND readers <> :readers
    """)
    for table in TABLES["all"]
}
LAST_ACTIVITY = """
    UPDATE sample s SET activity_time = last.time
      FROM (SELECT x.id, greatest(
                x.created_time,
                (SELECT max(submitted_time) FROM submission WHERE sample_id = x.id),
                (SELECT max(created_time) FROM analysis WHERE sample_id = x.id),
                (SELECT max(created_time) FROM link WHERE sample_id = x.id),
                (SELECT max(created_time) FROM verdict WHERE sample_id = x.id),
                (SELECT max(created_time) FROM static_fact WHERE sample_id = x.id)) AS time
              FROM sample x WHERE x.id = ANY($1::bigint[])) last
     WHERE s.id = last.id AND s.activity_time <> last.time
"""


async def plan(db: Connection, task: RunningTask, _: Tools, now: Millis) -> Step:
    """Cut the work into sub-tasks, in the requested order."""
    arguments = task.arguments
    end: Millis = arguments["end"] if arguments["end"] is not None else FOREVER
    start: Millis | None = await db.fetchval(FIRST, end)
    if start is None:
        return Step(State.DONE, "There is no sample in this time.")
    slices = []
    while start is not None:
        boundary: Millis | None = await db.fetchval(BOUNDARY, start, end, SLICE)
        if boundary is not None:
            # all samples of one moment go into one slice
            boundary = max(boundary, start + 1)
        slices.append((start, end if boundary is None else boundary))
        start = boundary
    # Sub-tasks run in the order of their ids. Ids made at the same moment have no order, so the ids are sorted here.
    ids = sorted(new_id() for _ in slices)
    for id_, (first, last) in zip(ids, reversed(slices) if arguments["reversed"] else slices, strict=True):
        part = {"first": first, "last": last, "since": arguments["start"], "resource": arguments["resource"]}
        await running.open_task(
            db, Operation.REINDEX_SLICE, part, user_id=task.user_id, now=now,
            correlation_id=task.correlation_id, parent_id=task.id, id_=id_,
        )  # fmt: skip
    return Step(State.WAITING)


async def step(db: Connection, task: RunningTask, tools: Tools, now: Millis) -> Step:
    """Rebuild the next batch of a slice."""
    arguments = task.arguments
    after_time, after_id = arguments.get("after", [-1, -1])
    rows = await NEXT.rows(
        db,
        first=arguments["first"],
        last=arguments["last"],
        after_time=after_time,
        after_id=after_id,
        since=arguments["since"] or 0,
        most=BATCH,
    )
    if not rows:
        return Step(State.DONE)
    samples = [row[0] for row in await db.fetch(LOCK, [row[0] for row in rows])]
    for table in TABLES[arguments["resource"]]:
        await _rebuild_readers(db, table, samples, tools)
    await FORGET_READERS.run(db, sample_ids=samples, now=now)
    await db.execute(LAST_ACTIVITY, samples)
    await running.remember(db, task, after=[rows[-1]["created_time"], rows[-1]["id"]])
    await running.count(db, task, "samples", len(samples))
    return Step()


async def _rebuild_readers(db: Connection, table: str, samples: list[int], tools: Tools) -> None:
    for customer_id, tlp, acl, found in await KINDS[table].rows(db, sample_ids=samples):
        try:
            right = readers(tools.directory.customer(customer_id), tlp, acl)
        except Unknown:
            # customer and rows are newer than the directory, and nothing about the customer has changed since
            continue
        if found != right:
            await REWRITE[table].run(
                db, sample_ids=samples, customer_id=customer_id, tlp=tlp, acl=acl, readers=right
            )
