"""The work of the installation: jobs, leases, workers of the policy, types, and events on their way."""

from samplebank.assembly import Bank
from samplebank.checkup.ground import NO_HOUSEKEEPER, missed_before
from samplebank.checkup.model import Finding, advice, fault, good
from samplebank.database import Connection, Statement
from samplebank.events import outbox
from samplebank.jobs.backlog import MOST, backlog, lags
from samplebank.jobs.waiting import CHILDREN
from samplebank.policy.presence import Presence, Standing
from samplebank.timespec import Millis, iso

MISSED = "Look why the log says `event.undelivered`. Whoever lives by these events has to look at everything afresh."
#: seconds after which events should have been delivered
SLOW = 600
STUCK = """
    SELECT count(*) FROM job j
     WHERE j.state IN ('enqueued', 'executing')
       AND NOT EXISTS (SELECT FROM job_task t WHERE t.job_id = j.id AND t.state IN ('enqueued', 'executing'))
"""
LEASES = "SELECT count(*) FROM job_task WHERE lease_until <= $1"
# A worker of the policy, and of workers whose tasks wait: since when, and when a process of the worker was last heard of.
WORKERS = Statement("""
    SELECT w.short_name, waiting.since, p.due
      FROM worker w
     CROSS JOIN LATERAL (SELECT min(enqueued_time) AS since FROM job_task t
                          WHERE t.worker_id = w.id AND t.state = 'enqueued' AND t.run_after <= :now) waiting
      LEFT JOIN LATERAL (SELECT max(due_time) AS due FROM worker_process p WHERE p.worker_id = w.id) p ON TRUE
     WHERE w.deleted_time IS NULL AND (waiting.since IS NOT NULL OR w.id IN (SELECT unnest(workers) FROM policy))
     ORDER BY w.short_name
""")
#: A rule that sets workers leaves none of the default policy. Once all of these workers are deleted, nobody is left.
VOID_RULES = """
    SELECT r.name FROM policy_rule r
     WHERE r.deleted_time IS NULL AND cardinality(r.workers_set) > 0
       AND NOT EXISTS (SELECT FROM worker w WHERE w.id = ANY (r.workers_set) AND w.deleted_time IS NULL)
     ORDER BY r.name
"""


async def examine_work(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    now = bank.clock()
    async with bank.database.transaction(read_only=True) as db:
        return [
            await _jobs(db),
            await _leases(db, missed_before(bank)),
            *await _workers(db, now),
            *await _rules(db),
            *await _waiting(db, bank.settings.sinks, now),
        ]


async def _jobs(db: Connection) -> Finding:
    stuck = await db.fetchval(STUCK)
    if stuck:
        said = f"{stuck} jobs are not at their end, and have no task that is: nothing will end these jobs."
        return fault("jobs", said, "Please report this with the output of this command.")
    return good("jobs", "Each job under way has a task that is under way.")


async def _leases(db: Connection, before: Millis) -> Finding:
    ended = await db.fetchval(LEASES, before)
    if ended:
        said = f"{ended} leases of tasks ended long ago, and nobody took the tasks back."
        return fault("leases", said, NO_HOUSEKEEPER)
    return good("leases", "No lease ended without its task being taken back.")


async def _workers(db: Connection, now: Millis) -> list[Finding]:
    found = []
    for name, since, due in await WORKERS.rows(db, now=now):
        standing = Presence(None if due is None else 0, due).standing(now)
        if name == CHILDREN or standing is Standing.ALIVE:
            continue
        seen = "was never heard of" if due is None else "has not been heard of for some time"
        waits = "" if since is None else f" Its oldest task waits since {iso(since)}."
        remedy = f"Run the worker with `samplebank worker run {name}`, or take it out of the policy."
        found.append(advice("workers", f"The worker {name} {seen}.{waits}", remedy))
    return found or [good("workers", "Each worker that has work, or may get work, was heard of lately.")]


async def _rules(db: Connection) -> list[Finding]:
    remedy = "Name other workers in the rule, or delete the rule: files that match get no job otherwise."
    return [
        advice("policy", f"All workers that the rule {row[0]} sets are deleted.", remedy)
        for row in await db.fetch(VOID_RULES)
    ]


async def _waiting(db: Connection, sinks: list[str], now: Millis) -> list[Finding]:
    figures = await backlog(db, sinks, now=now)
    found = []
    if dead := figures["samplebank_events_dead"]:
        remedy = "`samplebank events dead` tells why, and `samplebank events retry` tries again."
        found.append(advice("events", f"The delivery of {dead:.0f} events was given up.", remedy))
    for figure, seconds in (await lags(db, sinks, now=now)).items():
        if figure.startswith("samplebank_sink_lag_seconds") and seconds > SLOW:
            sink = figure.split('"')[1]
            said = f"The oldest event for {sink} waits for {seconds / 60:,.0f} minutes."
            found.append(advice("events", said, f"Look whether {sink} can be reached; the log says why not."))
    for sink in await outbox.that_miss_events(db, sinks):
        said = f"Events older than SAMPLEBANK_EVENT_RETENTION were forgotten before {sink} got them."
        found.append(advice("events", said, MISSED))
    if not found:
        found.append(good("events", "No event waits for long, and no delivery was given up."))
    if (untyped := figures["samplebank_unclassified"]) >= MOST:
        said = f"{untyped:,.0f} samples or more wait for their file type."
        found.append(advice("types", said, "Raise SAMPLEBANK_CLASSIFICATION_CHILDREN, or add a host."))
    return found
