"""Tasks that look at a sample one soon after the other share one download, and nobody's failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.bank import ROBOT, Bank, Sample
from kit.relay import Relay
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import ServiceUnavailable
from samplebank.worker.samples import MOST_KEPT_BYTES, Samples

RAW = "/raw$"


@pytest.fixture
async def samples(bank: Bank, relay: Relay, tmp_path: Path) -> AsyncIterator[Samples]:
    async with ServiceClient(relay.url, bank.keys[ROBOT]) as client:
        yield Samples(client, tmp_path)


async def look_at(samples: Samples, sample: Sample, until: asyncio.Barrier) -> bytes:
    """The bytes of the sample, held until all others have looked as well."""
    async with samples.fetched(sample.sha256) as (path, _):
        content = path.read_bytes()
        await until.wait()
    return content


async def all_gone(folder: Path, but: int = 0) -> None:
    """Let the loop run until the time of the files that nobody holds is over."""
    loop = asyncio.get_running_loop()
    while len(files_in(folder)) > but:
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_sample_is_fetched_once_for_all_who_look_at_it(
    bank: Bank, relay: Relay, samples: Samples
) -> None:
    sample, all_there = bank.submitted(), asyncio.Barrier(3)

    contents = await asyncio.gather(*(look_at(samples, sample, all_there) for _ in range(3)))

    assert contents == [sample.data] * 3
    assert len(relay.found(RAW)) == 1


async def test_who_looks_soon_after_the_others_finds_the_file(
    bank: Bank, relay: Relay, samples: Samples
) -> None:
    sample = bank.submitted()

    contents = [await look_at(samples, sample, asyncio.Barrier(1)) for _ in range(3)]

    assert contents == [sample.data] * 3
    assert len(relay.found(RAW)) == 1


async def test_the_file_is_gone_a_moment_after_the_last_who_looks(
    bank: Bank, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samplebank.worker.samples.KEPT_SECONDS", 0)
    sample = bank.submitted()

    async with samples.fetched(sample.sha256):
        async with samples.fetched(sample.sha256) as (path, size):
            pass
        between = path.read_bytes()
    await all_gone(tmp_path)

    assert (between, size) == (sample.data, len(sample.data))


async def test_a_file_that_is_looked_at_again_stays(
    bank: Bank, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samplebank.worker.samples.KEPT_SECONDS", 0)
    first, second = bank.submitted(), bank.submitted()
    async with samples.fetched(first.sha256):
        pass

    async with samples.fetched(first.sha256) as (path, _):
        async with samples.fetched(second.sha256):
            pass
        await all_gone(tmp_path, but=1)
        content = path.read_bytes()

    assert content == first.data


async def test_a_few_small_files_stay_and_no_large_file(
    bank: Bank, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samplebank.worker.samples.MOST_KEPT", 2)
    small, large = [bank.submitted() for _ in range(4)], Sample(MOST_KEPT_BYTES + 1)
    bank.submit(large)

    for sample in (*small, large):
        async with samples.fetched(sample.sha256):
            pass

    assert sorted(path.read_bytes() for path in files_in(tmp_path)) == sorted(
        sample.data for sample in small[2:]
    )


async def test_who_waits_for_a_download_that_fails_fetches_by_itself(
    bank: Bank, relay: Relay, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samplebank.worker.samples.KEPT_SECONDS", 0)
    sample = bank.submitted()
    # a client repeats a GET once by itself
    relay.cut(RAW, times=2)

    answers = await asyncio.gather(
        *(look_at(samples, sample, asyncio.Barrier(1)) for _ in range(2)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [ServiceUnavailable, bytes]
    await all_gone(tmp_path)
