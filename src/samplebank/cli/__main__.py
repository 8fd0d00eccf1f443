"""The `samplebank` program, also as `python -m samplebank.cli`. Loads the commands, which takes a part of a second."""

import os
import signal
from importlib import import_module
from types import FrameType
from typing import Final

STDERR: Final = 2
INTERRUPTED: Final = 130


def run() -> None:
    # A program in the background of a script ignores Ctrl-C, and goes on to do so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    import_module("samplebank.cli.main").run()


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End at once on Ctrl-C: nothing has begun. Inside of an import, Python would show where the import was."""
    os.write(STDERR, b"samplebank: Interrupted.\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
