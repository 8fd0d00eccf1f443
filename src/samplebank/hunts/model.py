"""Hunts: rules of a user that are run over stored samples, batch by batch, newest samples first."""

from enum import StrEnum
from uuid import UUID

import msgspec

from samplebank.timespec import Millis

MIB = 1024 * 1024
#: the most samples of a hunt, and the most hunts that one user may have under way
MOST_SAMPLES, MOST_AT_ONCE = 1_000_000, 5
#: the samples with hits after which a hunt ends
MOST_HITS = 10_000
#: samples of the first batch: somebody waits for the first hit
FIRST_BATCH = 50
#: samples and bytes of a batch, and of a batch for many rules: compiling the rules for each batch takes long then
BATCH, BATCH_BYTES = 2000, 64 * MIB
LARGE_BATCH, LARGE_BATCH_BYTES = 8000, 256 * MIB
#: seconds for which a worker scans a batch. The rest of the batch then waits for another turn of the hunt
TURN_SECONDS = 20
#: a hunt ends when so many samples could not be scanned, and more than one in `HOPELESS_SHARE` of the samples looked at
HOPELESS, HOPELESS_SHARE = 100, 10
#: rules that are few
FEW_RULES = 100
DAY: Millis = 24 * 3600 * 1000
NO_HUNT = "There is no hunt with this id that you may see."


class State(StrEnum):
    ENQUEUED = "enqueued"
    EXECUTING = "executing"
    DONE = "done"
    CANCELLED = "cancelled"


class Hunt(msgspec.Struct, frozen=True):
    """A stored hunt. Of its `samples`, some are `scanned`, some `unscanned` for a reason, and some `passed_over`, as deleted.

    `resume_time` lies ahead while the budget of the customer is used up. `hits` counts all hits, visible or not.
    """

    id: UUID
    user_id: int
    customer_id: int
    rules: str
    rule_count: int
    query: str
    since_time: Millis | None
    until_time: Millis | None
    state: str
    created_time: Millis
    start_time: Millis | None
    end_time: Millis | None
    resume_time: Millis
    samples: int
    bytes: int
    scanned: int
    scanned_bytes: int
    unscanned: int
    passed_over: int
    hits: int
    message: str

    @property
    def has_ended(self) -> bool:
        return self.end_time is not None

    def waits_until(self, now: Millis) -> Millis | None:
        """When the budget of the customer allows more; None while the budget is not used up."""
        return self.resume_time if self.resume_time > now and not self.has_ended else None


class HuntRules(msgspec.Struct, frozen=True):
    """The settings of hunts: bytes a day of a customer (0: no bound), and attempts of a batch."""

    bytes_per_day: int
    max_attempts: int


class BatchSample(msgspec.Struct, frozen=True):
    """A sample of a batch; `type` is the type of the file, where the type is known. Deleted samples are no longer there."""

    sha256: bytes
    size: int
    type: str | None
    is_there: bool


class Batch(msgspec.Struct, frozen=True):
    """A batch handed to a worker until the lease ends."""

    hunt_id: UUID
    customer_id: int
    number: int
    attempt: int
    lease_token: UUID
    lease_until: Millis
    rules: str
    samples: list[BatchSample]
