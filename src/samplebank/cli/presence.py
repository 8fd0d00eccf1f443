"""Whether anybody runs a worker: the service tells when each worker was last seen."""

from collections.abc import Iterable, Iterator
from typing import Final

from samplebank import timespec
from samplebank.cli.answers import Plan, Task
from samplebank.timespec import Millis

#: milliseconds after which a worker is missed. A running worker asks for work every few seconds; the service notes the
#: time once a minute.
MISSED_AFTER: Final = 150_000


#: the worker whose tasks the service does itself
OF_SERVICE: Final = "children"


def absence(worker: str, last_seen: Millis | None, now: Millis) -> str | None:
    """A sentence about a worker that nobody runs; None for a worker that somebody runs."""
    if worker == OF_SERVICE:
        return None
    if last_seen is None:
        return f"Nobody has ever asked for work of {worker}: start it with `samplebank worker run`."
    if now - last_seen < MISSED_AFTER:
        return None
    return f"Nobody has asked for work of {worker} since {timespec.iso(last_seen)}."


def absences(tasks: Iterable[Task], plan: Plan, now: Millis) -> Iterator[str]:
    """Name the workers that a job waits for and that nobody runs."""
    seen = {worker.short_name: worker.last_seen_timestamp for worker in plan.workers}
    for task in tasks:
        if task.state == "enqueued" and (sentence := absence(task.worker, seen.get(task.worker), now)):
            yield sentence
