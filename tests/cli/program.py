"""The program as its users call it."""

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from samplebank.cli.main import main

ROOT = Path(__file__).parents[2]
SAMPLEBANK = Path(sys.executable).with_name("samplebank")


def code_of_the_docs(name: str) -> str:
    """The example that docs/workers.md shows under the file name `name`."""
    text = (ROOT / "docs/workers.md").read_text("utf-8")
    return str(
        re.findall(rf"```(?:python|sh)\n((?:#!\S+\n)?# {re.escape(name)}\n.*?)```", text, re.DOTALL)[0]
    )


@dataclass
class Ended:
    status: int
    out: str
    complaints: list[str]


@contextmanager
def unchanged() -> Iterator[None]:
    """Undo what a command changes in its process: the log, and what SIGTERM does."""
    root = logging.getLogger()
    handlers, level, at_end = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        signal.signal(signal.SIGTERM, at_end)


class Program:
    """`samplebank` with the settings of the test, and no settings from outside."""

    def __init__(self, capsys: pytest.CaptureFixture[str], **settings: str) -> None:
        self._capsys = capsys
        self._settings = settings

    def run(self, *arguments: str | Path, **settings: str) -> Ended:
        """Run a command to the end in this process: starting a process takes a second."""
        with pytest.MonkeyPatch.context() as patch:
            environment = self._environment(settings)
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            with unchanged():
                status = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Ended(status, captured.out, captured.err.splitlines())

    def start(
        self, *arguments: str | Path, folder: Path | None = None, **settings: str
    ) -> subprocess.Popen[str]:
        """Start a command as a process, for tests that end the command by a signal."""
        return subprocess.Popen(
            [SAMPLEBANK, *arguments],
            cwd=folder,
            env=self._environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
        return {**inherited, **self._settings, **settings}
