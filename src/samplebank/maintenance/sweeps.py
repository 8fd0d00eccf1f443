"""The sweeps. Each sweep is safe beside sweeps of the same kind. A failed sweep is told in the log and tried again."""

import logging
from uuid import UUID

from prometheus_client import Counter

from samplebank.accounts import sessions
from samplebank.assembly import Bank
from samplebank.audit import weeks
from samplebank.database.signals import Signal
from samplebank.endings import children, judging_again, leases, timeouts
from samplebank.errors import NotFound
from samplebank.hunts import retention as hunt_retention
from samplebank.jobs import clock
from samplebank.jobs.tally import JOBS
from samplebank.jobs.task_times import TIMES, forget_times
from samplebank.maintenance.rounds import Sweep
from samplebank.maintenance.steadiness import Steadiness
from samplebank.policy.sightings import forget_processes
from samplebank.repeats import kept
from samplebank.samples.stored_bytes import STORED
from samplebank.samples.tally import LISTED, SAMPLES
from samplebank.submissions import retention
from samplebank.submissions.tally import SHOWN, SUBMISSIONS
from samplebank.timespec import Millis
from samplebank.verdicts import alerting

log = logging.getLogger("samplebank.maintenance")
LOST_LEASES = Counter("samplebank_leases_lost", "Leases of tasks that ended without a word of the worker.")
#: seconds after which the leftovers of a broken upload are removed
LEFTOVER = 24 * 3600
#: milliseconds between looks at all expired submissions, and for which a submission may come after its expiry
WHOLE_LOOK, LATE = 600_000, 60_000


def time_out_sweep() -> Sweep:
    """Make a sweep that ends jobs that took too long. Time in which nobody could work does not count."""
    steadiness: Steadiness | None = None

    async def time_out_jobs(bank: Bank) -> None:
        nonlocal steadiness
        async with bank.database.connection() as db:
            await bank.database.clock.look(
                db
            )  # a jump has to be known before anything is judged by the clock
            if steadiness is None:
                steadiness = Steadiness(
                    bank.clock,
                    since=await clock.last_done(db),
                    interval=1000 * bank.settings.sweep_interval,
                    rest=max(bank.job_rules.longest_wait, bank.job_rules.longest_run),
                )
            set_back = steadiness.look()
            if set_back:
                log.warning("clock.set_back", extra={"fields": {"ms": set_back}})
                await clock.set_back(db, set_back, now=bank.clock())
        await _time_out(bank, lost=steadiness.lost)
        async with bank.database.connection() as db:
            await clock.note_done(db, now=bank.clock())

    return time_out_jobs


async def _time_out(bank: Bank, *, lost: Millis) -> None:
    overdue_at = bank.clock() - lost
    while True:
        async with bank.database.connection() as db:
            overdue = await timeouts.overdue_jobs(db, bank.job_rules, now=overdue_at)
        for job_id in overdue:
            await _time_out_job(bank, job_id, overdue_at=overdue_at)
        if overdue:
            bank.signals.send(Signal.EVENTS)
        bank.signals.tell(*overdue)
        if len(overdue) < timeouts.BATCH:
            return


async def _time_out_job(bank: Bank, job_id: UUID, *, overdue_at: Millis) -> None:
    try:
        async with bank.database.transaction() as db:
            has_ended = await timeouts.time_out_job(
                db, job_id, bank.job_rules, overdue_at=overdue_at, now=bank.clock()
            )
    except NotFound:
        # the job was deleted with its sample after the look
        return
    if has_ended:
        log.info("job.timeout", extra={"fields": {"job": job_id}})


async def take_back_tasks(bank: Bank) -> None:
    """Give tasks whose lease has ended back to the queue, or give the tasks up: all such tasks, many at once."""
    now, rules = bank.clock(), bank.job_rules
    while True:
        async with bank.database.connection() as db:
            ended = await leases.ended_leases(db, now=now)
            back = set(await leases.give_back_ended(db, ended, rules, now=now)) if ended else set()
        for task_id, job_id in ended:
            if task_id in back:
                log.info("lease.ended", extra={"fields": {"task": task_id, "job": job_id}})
            else:
                await _take_back(bank, job_id, task_id, now=now)
        if back:
            bank.signals.send(Signal.TASKS)
        if ended:
            bank.signals.send(Signal.EVENTS)
        bank.signals.tell(*(job_id for _, job_id in ended))
        LOST_LEASES.inc(len(ended))
        if len(ended) < leases.BATCH:
            return


async def _take_back(bank: Bank, job_id: UUID, task_id: UUID, *, now: Millis) -> None:
    try:
        async with bank.database.transaction() as db:
            await leases.take_back(db, job_id, task_id, bank.job_rules, now=now)
    except NotFound:
        # the task was deleted with its sample after the listing
        return
    log.info("lease.ended", extra={"fields": {"task": task_id, "job": job_id}})


async def judge_parents(bank: Bank) -> None:
    """Let parents be judged again whose children have other verdicts, and end the waiting of parents."""
    await _judge_again(bank)
    goes_on = True
    while goes_on:
        async with bank.database.connection() as db:
            due = await children.due_tasks(db, now=bank.clock())
        judged = [await _judge_parent(bank, task_id, job_id) for task_id, job_id in due]
        # tasks that could not be ended would be found again at once
        goes_on = len(due) == children.BATCH and any(judged)


async def _judge_again(bank: Bank) -> None:
    marks = judging_again.BATCH
    while marks == judging_again.BATCH:
        async with bank.database.transaction() as db:
            marks, opened = await judging_again.judge_parents_again(
                db, longest_run=bank.job_rules.longest_run, now=bank.clock()
            )
        for job_id in opened:
            log.info("job.judged_again", extra={"fields": {"job": job_id}})
        if opened:
            bank.signals.send(Signal.EVENTS)
        bank.signals.tell(*opened)


async def _judge_parent(bank: Bank, task_id: UUID, job_id: UUID) -> bool:
    """Whether the task was due, and has ended."""
    try:
        async with bank.database.transaction() as db:
            ended = await children.end_waiting(db, task_id, job_id, bank.job_rules, now=bank.clock())
    except NotFound:
        # the job was deleted with its sample after the look
        return False
    if ended:
        bank.signals.send(Signal.VERDICTS)
    bank.signals.tell(job_id)
    return ended is not None


async def fold_tallies(bank: Bank) -> None:
    """Keep the lists of changes short: to count rows is to add up the changes."""
    async with bank.database.connection() as db:
        for tally in (JOBS, SAMPLES, LISTED, STORED, SUBMISSIONS, SHOWN, TIMES):
            await tally.fold(db)


def retention_sweep() -> Sweep:
    """Make a sweep that deletes expired submissions and challenges.

    Expired submissions of malicious samples stay, and are more and more. So most looks pass over what an earlier look has
    seen. A whole look now and then finds what may go since.
    """
    seen_until = next_whole_look = 0

    async def end_retention(bank: Bank) -> None:
        nonlocal seen_until, next_whole_look
        now = bank.clock()
        since = seen_until - LATE
        if now >= next_whole_look or now < seen_until:  # or the clock was set back
            since, next_whole_look = 0, now + WHOLE_LOOK
        await _delete_expired(bank, since, now)
        seen_until = now
        async with bank.database.connection() as db:
            period = 1000 * bank.settings.challenge_period
            await retention.delete_old_challenges(db, period=period, now=now)

    return end_retention


async def _delete_expired(bank: Bank, since: Millis, now: Millis) -> None:
    found = retention.BATCH
    while found == retention.BATCH:
        async with bank.database.transaction() as db:
            found, since = await retention.delete_expired(db, since=since, now=now)
        if found:
            log.info("retention.ended", extra={"fields": {"submissions": found}})


async def generate_events(bank: Bank) -> None:
    """Give the submissions of newly malicious samples their events."""
    waiting = True
    while waiting:
        async with bank.database.transaction() as db:
            waiting = await alerting.generate_next(db, bank.settings.alerts_per_hour, now=bank.clock())
        if waiting:
            bank.signals.send(Signal.EVENTS)


async def remove_leftovers(bank: Bank) -> None:
    """Remove the leftovers of broken uploads. With a bucket, each host has a folder of its own for files on their way."""
    removed = await bank.blobs.sweep(LEFTOVER)
    if removed:
        log.info("leftovers.removed", extra={"fields": {"files": removed}})


async def forget_answers(bank: Bank) -> None:
    """Forget answers that were kept for repeats, and are too old or too many."""
    forgotten = kept.BATCH
    while forgotten == kept.BATCH:
        async with bank.database.connection() as db:
            forgotten = await kept.forget_old(db, bank.settings.kept_answers, now=bank.clock())


async def forget_figures(bank: Bank) -> None:
    """Forget processes of workers that are long gone, and times of tasks that nobody asks for any more."""
    async with bank.database.connection() as db:
        await forget_processes(db, now=bank.clock())
        await forget_times(db, now=bank.clock())


async def forget_hunts(bank: Bank) -> None:
    """Forget hunts that ended long ago, with their hits."""
    period = 1000 * bank.settings.hunt_retention
    goes_on = period > 0
    while goes_on:
        async with bank.database.transaction() as db:
            goes_on = await hunt_retention.forget_next(db, before=bank.clock() - period)
    async with bank.database.connection() as db:
        await hunt_retention.forget_budgets(db, now=bank.clock())


async def forget_sessions(bank: Bank) -> None:
    """Forget sessions of browsers, and links to sign in, that have ended."""
    forgotten = sessions.BATCH
    while forgotten == sessions.BATCH:
        async with bank.database.connection() as db:
            forgotten = await sessions.forget_old(db, now=bank.clock())


async def keep_ledger(bank: Bank) -> None:
    """Make the weeks of the ledger that come next, and drop the weeks that are too old."""
    async with bank.database.transaction() as db:
        await weeks.make_weeks(db, now=bank.clock())
    period = 1000 * bank.settings.audit_retention
    if not period:
        return
    async with bank.database.transaction() as db:
        await weeks.drop_others(db, before=bank.clock() - period)
    dropped: int | None = 0
    while dropped is not None:
        async with bank.database.transaction() as db:
            dropped = await weeks.drop_next(db, before=bank.clock() - period)
        if dropped is not None:
            log.info("audit.week_dropped", extra={"fields": {"week": dropped}})


SWEEPS: tuple[Sweep, ...] = (
    take_back_tasks,
    forget_answers,
    forget_figures,
    forget_hunts,
    forget_sessions,
    keep_ledger,
)
