"""What a worker does before the first claim, and where no claim comes about."""

import asyncio
from pathlib import Path

import pytest

from kit.bank import ROBOT, Bank
from kit.relay import Relay
from samplebank.sandbox import SandboxError
from samplebank.worker.errors import WorkerError
from samplebank.worker.loop import run
from worker.working import HERE, Names, import_paths

NOWHERE = "http://127.0.0.1:9"


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def test_a_worker_that_may_not_register_says_so(bank: Bank, names: Names) -> None:
    paths, stop = import_paths("Measuring"), asyncio.Event()

    with pytest.raises(
        WorkerError, match=f"does not know the analysis worker {names['Measuring']}, and this key may not"
    ):
        await run(
            bank.url, bank.keys[ROBOT], paths, stop_event=stop, settings=names.settings, import_from=(HERE,)
        )


async def test_a_worker_that_is_ended_while_it_starts_opens_no_analysers_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    stop_event = asyncio.Event()
    stop_event.set()

    await run(NOWHERE, "key", ["no_such_module:Analyser"], stop_event=stop_event, scratch=tmp_path)

    assert is_empty(tmp_path)


async def test_a_worker_without_a_service_waits_and_can_be_stopped() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.5, stop.set)

    async with asyncio.timeout(60):
        await run(NOWHERE, "key", import_paths("Measuring"), stop_event=stop, import_from=(HERE,))

    assert stop.is_set()


async def test_a_wrong_analyser_is_named_before_anything_is_claimed(relay: Relay) -> None:
    with pytest.raises(SandboxError, match="has no attribute 'Missing'"):
        await run(relay.url, "key", import_paths("Missing"), stop_event=asyncio.Event(), import_from=(HERE,))

    assert relay.requests == []
