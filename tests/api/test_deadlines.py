"""One timer ends every block that lasts too long, and no other block."""

import asyncio

import pytest

from samplebank.http.deadlines import Deadline

SOON = 0.05


async def last_for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_block_that_lasts_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError), Deadline(SOON):
        await last_for_ever()


async def test_a_task_goes_on_as_usual_after_a_block_was_ended() -> None:
    with pytest.raises(TimeoutError), Deadline(SOON):
        await last_for_ever()

    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_block_in_time_returns_and_is_not_ended_later() -> None:
    with Deadline(SOON):
        pass

    with Deadline(60), pytest.raises(TimeoutError), Deadline(SOON):
        await last_for_ever()


async def test_only_the_block_whose_limit_passed_is_ended() -> None:
    async def patient() -> str:
        with Deadline(60):
            await ended.wait()
        return "done"

    ended = asyncio.Event()
    other = asyncio.create_task(patient())

    with pytest.raises(TimeoutError), Deadline(SOON):
        await last_for_ever()
    ended.set()

    assert await other == "done"


async def test_a_block_that_others_cancel_is_cancelled() -> None:
    async def limited() -> None:
        with Deadline(60):
            await last_for_ever()

    task = asyncio.create_task(limited())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_passes() -> None:
    with pytest.raises(KeyError), Deadline(60):
        raise KeyError("own")
