"""A machine that lacks a part of the sandbox is noticed before a parser runs on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.service import PROGRAM

TESTS = Path(__file__).parents[1]
CALL = """
import asyncio, sys
from samplebank.sandbox import (Limits)
from samplebank.sandbox.pool import Sandbox

async def call():
    async with Sandbox("sandbox.misbehaving:obedient", limits=Limits(required=%s), import_from=(%r,)) as sandbox:
        print((await sandbox.call(%r, 10)).decode())

asyncio.run(call())
"""


def on_an_old_kernel(*command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    others = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
    return subprocess.run(
        [sys.executable, "-m", "kit.old_kernel", *command],
        env={**others, "PYTHONPATH": str(TESTS), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", [["serve"], ["worker", "run", "static"]])
def test_neither_service_nor_worker_starts_without_landlock(tmp_path: Path, command: list[str]) -> None:
    done = on_an_old_kernel(
        *PROGRAM,
        *command,
        SAMPLEBANK_DATA_DIR=str(tmp_path / "data"),
        SAMPLEBANK_URL="http://127.0.0.1:9",
        SAMPLEBANK_KEY="none",
    )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "it has no Landlock" in line
    assert "SAMPLEBANK_SANDBOX=best" in line


def test_where_all_of_it_is_required_no_child_starts_without_landlock() -> None:
    done = on_an_old_kernel(sys.executable, "-c", CALL % (True, str(TESTS), b"stressed"))

    assert "NotStarted" in done.stderr
    assert "This machine has no Landlock" in done.stderr


def test_the_best_that_the_machine_has_will_do_where_that_is_accepted() -> None:
    done = on_an_old_kernel(sys.executable, "-c", CALL % (False, str(TESTS), b"stressed"))

    assert done.stdout == "desserts\n"


@pytest.mark.parametrize("attempt", ["truncate by opening", "open for writing", "make by opening"])
def test_files_are_not_changed_even_without_landlock(tmp_path: Path, attempt: str) -> None:
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"as it was")
    stranger.chmod(0o666)

    done = on_an_old_kernel(
        sys.executable, "-c", CALL % (False, str(TESTS), f"attempt:{attempt}:{stranger}".encode())
    )

    assert "Refused: The analysis stopped with PermissionError" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"stranger": b"as it was"}
