"""The standard streams, in whatever state the program is started."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

STDIN: Final = 0
STDERR: Final = 2


def prepare() -> None:
    """Make sure that all three streams exist and take every text. Letters that the terminal lacks are spelt out.

    The number of a missing stream would go to the next opened file, for example to a sample or a connection.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _stand_in(number))
        elif number and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stand_in(number: int) -> TextIOWrapper:
    # Results that nobody can read are a failure, so writing results has to fail. Complaints may get lost.
    opened = os.open(os.devnull, os.O_WRONLY if number == STDERR else os.O_RDONLY)
    return TextIOWrapper(os.fdopen(opened, "rb" if number == STDIN else "wb", closefd=False))


def give_up_output() -> None:
    """Throw away unwritten output. Otherwise the interpreter tries to write again at the end, and complains."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
