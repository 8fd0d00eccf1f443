"""The standard streams, in whatever state the program is started."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

STDIN: Final = 0
STDERR: Final = 2


def prepare() -> None:
    """See that there are three of them, and that what is written can be: what the terminal's code lacks is spelt out.

    Without one its number goes to the next file that is opened, such as a sample or a connection.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _stand_in(number))
        elif number and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stand_in(number: int) -> TextIOWrapper:
    # Results that nobody can read are a failure, so writing them has to fail. Complaints may get lost.
    opened = os.open(os.devnull, os.O_WRONLY if number == STDERR else os.O_RDONLY)
    return TextIOWrapper(os.fdopen(opened, "rb" if number == STDIN else "wb", closefd=False))


def give_up_output() -> None:
    """Throw away what is still to be written: the interpreter tries that once more at its end, and complains."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
