"""A process without a vital part ends, so that another process takes the place."""

import asyncio
import subprocess
import sys
from contextlib import suppress

import pytest

from samplebank import vital

WORK = {
    "fails": "raise ValueError('unforeseen')",
    "ends": "return",
}
PROGRAM = f"""
import asyncio
from {vital.__name__} import vital
async def work():
    {{what}}
async def main():
    async with vital(work(), "signals"):
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("what", WORK.values(), ids=WORK)
def test_a_process_ends_when_vital_work_does(what: str) -> None:
    program = PROGRAM.format(what=what)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)

    assert done.returncode == vital.FAILED
    assert b"process.broken" in done.stderr


async def test_vital_work_that_does_not_stop_does_not_keep_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vital, "GRACE", 0.1)
    enough = asyncio.Event()

    async def stubborn() -> None:
        while not enough.is_set():
            with suppress(asyncio.CancelledError):
                await enough.wait()

    async with asyncio.timeout(60):
        async with vital.vital(stubborn(), "signals"):
            await asyncio.sleep(0)

    assert not enough.is_set()
    enough.set()
