"""Whether the service is alive and ready, and the service's figures. No route here needs a key or tells of the data."""

import contextlib
import os
from collections.abc import Sequence
from functools import partial

from litestar import get
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from samplebank.api.call import Call
from samplebank.api.envelope import Answer, single
from samplebank.assembly import Bank
from samplebank.checkup.ground import check_clock, check_housework
from samplebank.database.migrations import HEAD, current_revision
from samplebank.database.server import READ_ONLY, is_read_only
from samplebank.errors import NotFound, Unavailable
from samplebank.http.operation import OPEN
from samplebank.http.whole_answers import Whole
from samplebank.installation import store
from samplebank.jobs.backlog import backlog, lags
from samplebank.jobs.clock import last_done
from samplebank.jobs.task_times import of_everybody, services
from samplebank.jobs.waiting import CHILDREN
from samplebank.jobs.worker_lines import WorkerLine, lines_of_everybody
from samplebank.policy.presence import Standing
from samplebank.sandbox import missing_parts
from samplebank.timespec import Millis

METRICS = "/metrics"
#: proxies refuse the path by its letters, and do not know that `/metrics/` and `/%6detrics` are the same to a router
SPELLED = f"The figures have the path {METRICS}, letter by letter: ask for this path."
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
HELP = {
    "samplebank_jobs_unfinished": "Jobs that have not ended, by state.",
    "samplebank_tasks_failed_day": "Tasks that failed or timed out in the last 24 hours.",
    "samplebank_tasks_waiting": "Tasks that wait for their worker, up to 10,000 for each worker.",
    "samplebank_tasks_waiting_seconds": "The age of the task that waits longest for its worker.",
    "samplebank_workers_missing": "Workers that tasks wait for, and of which no process lives.",
    "samplebank_unclassified": "Samples that wait for their file type, up to 10,000.",
    "samplebank_events_waiting": "Events that wait for their delivery, up to 10,000.",
    "samplebank_events_dead": "Events whose delivery was given up, up to 10,000.",
    "samplebank_sink_waiting": "Deliveries to a sink that are not made yet, up to 10,000.",
    "samplebank_sink_dead": "Deliveries to a sink that were given up, up to 10,000.",
    "samplebank_sink_lag_seconds": "The age of the oldest event that a sink has to deliver.",
    "samplebank_housework_age_seconds": "Time since the housework was last done.",
    "samplebank_disk_free_bytes": "Bytes left on the disks that uploads fill.",
    "samplebank_disk_reserve_bytes": "Bytes that uploads leave free on each disk.",
}
#: seconds after which lent connections should have come back, whatever the purpose: each statement, and
#: each client that receives a list, is given up sooner
STARVED = 300.0


@get("/healthz", opt=OPEN)
async def healthz(request: Call) -> Answer:
    """The process is alive, and not in a state that only a restart ends."""
    if request.bank.database.starved > STARVED:
        raise Unavailable(
            "No connection to the database has come back for minutes, and requests wait: restart the service."
        )
    return single({"status": "alive"})


@get("/readyz", opt=OPEN)
async def readyz(request: Call) -> Answer:
    """Database and blob store can be used and belong together, schema and clock are right, and the housework is done."""
    bank = request.bank
    async with bank.database.connection() as db:
        revision = await current_revision(db)
        if revision != HEAD:
            raise Unavailable(f"The schema is at revision {revision}, but this release needs {HEAD}.")
        if await is_read_only(db):
            raise Unavailable(READ_ONLY)
        done = await last_done(db)
        await bank.database.clock.look(db)
        known = await store.find(db)
    check_clock(bank)
    check_housework(bank, done)
    await bank.blobs.check()
    await store.check(known, bank.blobs)
    missing = missing_parts()
    return single({"status": "ready", **({"sandboxLacks": missing} if missing else {})})


@get(METRICS, opt=OPEN)
async def metrics(request: Call) -> Whole:
    """Figures in the format of Prometheus, over all processes of the service."""
    if request.scope["raw_path"] != METRICS.encode():
        raise NotFound(SPELLED)
    # Strangers may ask, and each making of the figures holds up everything else in the process.
    text = await request.budgets.together.read(METRICS, partial(_figures, request.bank))
    # Whole sends the media type as it is. Litestar's own answer would add the charset a second time.
    return Whole(text, media_type=CONTENT_TYPE_LATEST, status_code=200)


async def _figures(bank: Bank) -> bytes:
    registry = REGISTRY
    if os.environ.get(SHARED_METRICS):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library is typed but for this
    return generate_latest(registry) + await _own(bank)


async def _own(bank: Bank) -> bytes:
    """Figures of the installation, as far as they can be had: those of the processes are there without a database."""
    figures: dict[str, float] = {
        f'samplebank_disk_free_bytes{{disk="{disk}"}}': free for disk, free in bank.blobs.free_bytes().items()
    }
    figures["samplebank_disk_reserve_bytes"] = bank.settings.disk_reserve
    with contextlib.suppress(Unavailable):
        async with bank.database.connection() as db:
            figures |= await backlog(db, bank.settings.sinks, now=bank.clock())
            figures |= await lags(db, bank.settings.sinks, now=bank.clock())
            done = await services(db, of_everybody(), now=bank.clock())
            figures |= _waiting(await lines_of_everybody(db, done), now=bank.clock())
            figures["samplebank_tasks_failed_day"] = sum(service.failed_day for service in done.values())
    lines: list[str] = []
    for figure, value in figures.items():
        name = figure.partition("{")[0]
        if not any(line.startswith(f"# TYPE {name} ") for line in lines):
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines.append(f"{figure} {value}")
    return "".join(f"{line}\n" for line in lines).encode()


def _waiting(lines: Sequence[WorkerLine], *, now: Millis) -> dict[str, float]:
    """What waits for workers. What waits for the verdicts of children does not: no worker is to blame."""
    waiting = [line for line in lines if line.waiting and line.short_name != CHILDREN]
    oldest = min((line.waiting_since for line in waiting if line.waiting_since is not None), default=now)
    return {
        "samplebank_tasks_waiting": sum(line.waiting for line in waiting),
        "samplebank_tasks_waiting_seconds": max(0, now - oldest) / 1000,
        "samplebank_workers_missing": sum(line.standing(now) is Standing.NONE for line in waiting),
    }


ROUTES = [healthz, readyz, metrics]
