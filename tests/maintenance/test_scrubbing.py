"""The scrub goes through all names in a time that is set, however few or many files there are."""

import pytest

from kit.counters import counted
from samplebank.assembly import Bank
from samplebank.blobs import Area
from samplebank.maintenance.scrubbing import DAMAGED, scrub_sweep

ADD = "INSERT INTO sample (sha256, size, created_time, activity_time) VALUES ($1, 1, 1, 1)"
#: first bytes of names, whose bytes are all missing
NAMES = (0x10, 0x70, 0x90, 0xF0)


def found() -> float:
    return counted(DAMAGED.labels(Area.SAMPLE))


@pytest.mark.parametrize(
    ("hours", "read"),
    [
        pytest.param([0], 0, id="no time"),
        pytest.param([12], 2, id="half of the time"),
        pytest.param([6, 6, 6], 3, id="three quarters, in three rounds"),
        pytest.param([1000], 4, id="a long pause reads nothing twice"),
        pytest.param([24, 24, 24], 8, id="samples, evidence, samples"),
    ],
)
async def test_the_scrub_reads_the_part_of_the_files_that_the_time_is_of_a_pass(
    own_bank: Bank, hours: list[int], read: int
) -> None:
    async with own_bank.database.connection() as db:
        await db.executemany(ADD, [(bytes([first, *range(31)]),) for first in NAMES])
    before, now = found(), 0.0
    scrub = scrub_sweep(seconds=30, pass_seconds=24, start=0, clock=lambda: now)

    for passed in hours:
        now += passed
        await scrub(own_bank)

    assert found() - before == read


async def test_a_round_of_the_scrub_ends_after_its_seconds_and_the_next_goes_on(own_bank: Bank) -> None:
    async with own_bank.database.connection() as db:
        await db.executemany(ADD, [(bytes([first, *range(31)]),) for first in NAMES])
    before, now = found(), 0.0
    scrub = scrub_sweep(seconds=0, pass_seconds=24, start=0, clock=lambda: now)

    for _ in range(3):
        now += 24
        await scrub(own_bank)

    assert found() - before == 3
