"""The place of a task in its customer's line: who waits comes first, and bulk work lets pass what comes in.

Customers take turns, so a lane hastens and delays nobody but the customer's own tasks. A task stands where a task would
stand that came `shift` milliseconds later. So bulk work moves up with time, and begins before its job times out.
"""

from enum import StrEnum
from typing import Final

from samplebank.timespec import Millis

#: the shift of tasks for which somebody waits: before everything that has ever come
WAITED_FOR: Final[Millis] = -(10**13)


class Lane(StrEnum):
    """How urgent the tasks of a job are."""

    WAITING = "waiting"
    ORDINARY = "ordinary"
    BULK = "bulk"


def shift_of(lane: Lane, longest_wait: Millis) -> Millis:
    """The shift of the tasks of a job that may wait `longest_wait` milliseconds before the job times out."""
    match lane:
        case Lane.WAITING:
            return WAITED_FOR
        case Lane.BULK:
            return longest_wait // 2
    return 0


def shift_of_job(job: str) -> str:
    """Part of a statement: the shift of the tasks of a job, for further tasks. `job` is an expression for its id."""
    return f"(SELECT coalesce(min(sibling.shift), 0) FROM job_task sibling WHERE sibling.job_id = {job})"
