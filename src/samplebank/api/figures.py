"""Figures by worker, customer and cause, for monitoring with a key. `/metrics` needs no key, and so tells no names."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from litestar import get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.failures import DAY
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery
from samplebank.http.whole_answers import Whole
from samplebank.jobs.failures import Failures, failures
from samplebank.jobs.worker_lines import WorkerLine, worker_lines
from samplebank.policy.presence import Standing
from samplebank.samples.stored_bytes import Charged, by_customer
from samplebank.timespec import Millis

#: the causes of failures that are told apart: each cause is a series of figures in Prometheus
MOST_CAUSES = 20
#: the cause under which the rarer causes are counted together
OTHERS = "other causes"
#: the customers whose stored bytes are told
MOST_CUSTOMERS = 20
LIVES = (Standing.ALIVE, Standing.LATE)


@get(
    f"{EXTENSIONS}/metrics",
    opt=operation("readFigures", Permission.VIEW_WORKER, query=NoQuery, media_type="text/plain"),
)
async def read_figures(request: Call) -> Whole:
    """Tell figures in the format of Prometheus: the line before each worker, who waits longest, and failures by cause.

    Tasks are counted as `listLines` counts them, failures as `listFailures` does for a day: for the customers whose jobs the
    caller may see. Figures of a customer are told for the three customers that wait longest for a worker, and stored bytes for 20
    customers: nearest to their budget first, then with most bytes.
    """
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        lines = await worker_lines(db, request.caller, now=request.now)
        stored = await by_customer(
            db,
            request.caller.scope(Permission.VIEW_JOBS),
            of_customer=request.bank.settings.stored_bytes_per_customer,
            most=MOST_CUSTOMERS,
        )

    async def found() -> Failures:
        async with request.bank.database.connection() as db:
            return await failures(db, request.caller, since=request.now - DAY)

    failed = await request.dearly(found)
    text = await request.shown(
        partial(_written, lines, stored, failed, request.bank.directory, now=request.now)
    )
    return Whole(text, media_type=CONTENT_TYPE_LATEST, status_code=200)


class _Figures(Collector):
    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _written(
    lines: Sequence[WorkerLine],
    stored: Sequence[Charged],
    failed: Failures,
    directory: Directory,
    *,
    now: Millis,
) -> bytes:
    registry = CollectorRegistry()
    registry.register(
        _Figures(
            [
                *_of_workers(lines, now),
                *_of_customers(lines, directory),
                *_of_bytes(stored, directory),
                _of_causes(failed),
            ]
        )
    )
    return generate_latest(registry)


def _of_workers(lines: Sequence[WorkerLine], now: Millis) -> Iterator[GaugeMetricFamily]:
    def family(name: str, said: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
        made = GaugeMetricFamily(f"samplebank_worker_{name}", said, labels=["worker"])
        for worker, value in values:
            made.add_metric([worker], value)
        return made

    yield family(
        "waiting_tasks",
        "Tasks that wait for the worker, up to 10,000.",
        ((line.short_name, line.waiting) for line in lines),
    )
    yield family(
        "waiting_since_timestamp_seconds",
        "Since when the longest-waiting task waits.",
        ((line.short_name, line.waiting_since / 1000) for line in lines if line.waiting_since is not None),
    )
    yield family(
        "executing_tasks",
        "Tasks that the worker has in hand.",
        ((line.short_name, line.executing) for line in lines),
    )
    yield family(
        "ended_tasks_hour",
        "Tasks that the worker ended in the last hour.",
        ((line.short_name, line.service.ended) for line in lines),
    )
    yield family(
        "failed_tasks_day",
        "Tasks that failed or timed out in the last 24 hours.",
        ((line.short_name, line.service.failed_day) for line in lines),
    )
    processes = GaugeMetricFamily(
        "samplebank_worker_processes", "Processes of the worker that live.", labels=["worker", "state"]
    )
    for line in lines:
        for life in LIVES:
            number = sum(process.standing(now) is life for process in line.processes)
            processes.add_metric([line.short_name, life.value], number)
    yield processes


def _of_customers(lines: Sequence[WorkerLine], directory: Directory) -> Iterator[GaugeMetricFamily]:
    labels = ["worker", "customer"]
    tasks = GaugeMetricFamily(
        "samplebank_customer_waiting_tasks", "Tasks of the customer that wait, up to 1,000.", labels=labels
    )
    since = GaugeMetricFamily(
        "samplebank_customer_waiting_since_timestamp_seconds",
        "Since when the customer's longest-waiting task waits.",
        labels=labels,
    )
    for line in lines:
        for one in line.longest:
            names = [line.short_name, directory.customer(one.customer_id).short_name]
            tasks.add_metric(names, one.tasks)
            since.add_metric(names, one.since / 1000)
    return iter((tasks, since))


def _of_bytes(stored: Sequence[Charged], directory: Directory) -> Iterator[GaugeMetricFamily]:
    used = GaugeMetricFamily(
        "samplebank_customer_stored_bytes",
        "Bytes of samples that are charged to the customer, of 20 customers: nearest to their budget first, then with most bytes.",
        labels=["customer"],
    )
    budget = GaugeMetricFamily(
        "samplebank_customer_stored_bytes_budget",
        "Bytes of samples that may be charged to the customer, of the same customers, where the customer has a budget.",
        labels=["customer"],
    )
    for one in stored:
        names = [directory.customer(one.customer_id).short_name]
        used.add_metric(names, one.used)
        if one.budget is not None:
            budget.add_metric(names, one.budget)
    return iter((used, budget))


def _of_causes(failed: Failures) -> GaugeMetricFamily:
    made = GaugeMetricFamily(
        "samplebank_failed_tasks_day",
        "Tasks that failed or timed out in the last 24 hours, by cause, the newest 10,000.",
        labels=["cause", "state"],
    )
    told = failed.causes[:MOST_CAUSES]
    for one in told:
        made.add_metric([one.cause, "timeout" if one.timed_out else "failed"], one.count)
    if rest := failed.number - sum(one.count for one in told):
        made.add_metric([OTHERS, "any"], rest)
    return made


ROUTES = [read_figures]
