"""A process that has lost a vital part ends, so that another process takes its place."""

import subprocess
import sys

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
