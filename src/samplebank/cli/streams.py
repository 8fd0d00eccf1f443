"""The standard streams, in whatever state the program is started."""

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

from samplebank.errors import Invalid

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


def read_input() -> str:
    """Read the standard input: UTF-8, or UTF-16 with its mark, which shells of Windows write. Raises `Invalid`."""
    content = sys.stdin.buffer.read()
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeError:
        raise Invalid("The standard input is no text in UTF-8.") from None


def give_up_output() -> None:
    """Throw away unwritten output. Otherwise the interpreter tries to write again at the end, and complains."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
