"""Tasks that look at a sample at the same time share one download, and nobody's failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.bank import ROBOT, Bank, Sample
from kit.relay import Relay
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import ServiceUnavailable
from samplebank.worker.samples import Samples

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


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_sample_is_fetched_once_for_all_who_look_at_it(
    bank: Bank, relay: Relay, samples: Samples
) -> None:
    sample, all_there = bank.submitted(), asyncio.Barrier(3)

    contents = await asyncio.gather(*(look_at(samples, sample, all_there) for _ in range(3)))

    assert contents == [sample.data] * 3
    assert len(relay.found(RAW)) == 1


async def test_the_file_stays_until_the_last_who_looks_has_gone(
    bank: Bank, samples: Samples, tmp_path: Path
) -> None:
    sample = bank.submitted()

    async with samples.fetched(sample.sha256):
        async with samples.fetched(sample.sha256) as (path, size):
            pass
        between = path.read_bytes()

    assert (between, size) == (sample.data, len(sample.data))
    assert files_in(tmp_path) == []


async def test_who_waits_for_a_download_that_fails_fetches_by_itself(
    bank: Bank, relay: Relay, samples: Samples, tmp_path: Path
) -> None:
    sample = bank.submitted()
    relay.cut(RAW)

    answers = await asyncio.gather(
        *(look_at(samples, sample, asyncio.Barrier(1)) for _ in range(2)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [ServiceUnavailable, bytes]
    assert files_in(tmp_path) == []
