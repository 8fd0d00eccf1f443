"""Work that comes back at a signal rests after each round, so that more gathers for the next."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from samplebank.assembly import Bank
from samplebank.blobs import HeldBack
from samplebank.database.signals import Signal
from samplebank.maintenance.rounds import GATHERING, LONGEST_GATHERING, again_and_again, gathering


class Work:
    """Work that tells what happened, in order. `during_rest` comes with the first rest, and `failure` in each round."""

    def __init__(
        self, bank: Bank, during_rest: Signal | None = None, failure: Exception | None = None
    ) -> None:
        self._bank = bank
        self._failure = failure
        self._during_rest = during_rest
        self._changed = asyncio.Condition()
        self.has_rested = asyncio.Event()
        self.happened = list[str]()

    async def sweep(self, _: Bank) -> None:
        async with self._changed:
            self.happened.append("round")
            self._changed.notify_all()
        if self._failure:
            raise self._failure

    def rest(self, _: float) -> float:
        if self._during_rest and not self.has_rested.is_set():
            self.signal(self._during_rest)
        self.happened.append("rest")
        self.has_rested.set()
        return 0.0

    def signal(self, signal: Signal) -> None:
        self.happened.append("signal")
        self._bank.signals.send(signal)

    async def rounds(self, count: int) -> None:
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self.happened.count("round") >= count)


@asynccontextmanager
async def going_on(bank: Bank, work: Work) -> AsyncIterator[None]:
    task = asyncio.create_task(again_and_again(bank, work.sweep, 3600, Signal.UNCLASSIFIED, rest=work.rest))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_signal_after_a_quiet_time_waits_for_no_rest(own_bank: Bank) -> None:
    work = Work(own_bank)

    async with going_on(own_bank, work):
        async with asyncio.timeout(30):
            await work.has_rested.wait()
        work.signal(Signal.UNCLASSIFIED)
        await work.rounds(2)

    assert work.happened[:4] == ["round", "rest", "signal", "round"]


async def test_what_comes_in_a_rest_has_a_round_after_the_rest(own_bank: Bank) -> None:
    work = Work(own_bank, during_rest=Signal.UNCLASSIFIED)

    async with going_on(own_bank, work):
        await work.rounds(2)

    assert work.happened[:4] == ["round", "signal", "rest", "round"]


@pytest.mark.parametrize(
    ("worked", "rest"), [(0.0, 0.0), (0.02, GATHERING * 0.02), (10.0, LONGEST_GATHERING)]
)
def test_a_rest_is_as_long_as_several_rounds_within_a_limit(worked: float, rest: float) -> None:
    assert gathering(worked) == rest


async def test_a_removal_that_a_backup_holds_back_is_no_failure(
    own_bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "samplebank.maintenance")
    work = Work(own_bank, failure=HeldBack("A backup is under way."))

    async with going_on(own_bank, work), asyncio.timeout(30):
        await work.has_rested.wait()

    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [("INFO", "sweep.waits")]
    assert REGISTRY.get_sample_value("samplebank_sweep_failures_total", {"sweep": "sweep"}) == 0
