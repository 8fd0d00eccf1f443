"""How commands end: a fault becomes one line on stderr and an exit code, never a traceback.

0 done, 1 the operation failed, 2 wrong usage, 130 ended by Ctrl-C, 143 ended by SIGTERM.
"""

import logging
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

import typer

from samplebank.cli import streams
from samplebank.cli.printing import complain
from samplebank.errors import Refusal, Unavailable

FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130
TERMINATED: Final = 143
#: how the library of the arguments begins or says a mistake, and the same in plain words
PLAIN: Final = (
    (r"Value error, ", ""),
    (r"Input should be a valid UUID, .*", "This is no id such as 01a22bb4-4f35-74d7-95e0-22539cce2e09"),
    (r"Input should be a valid integer, .*", "This is no whole number"),
    (r"Input should be (greater|less) than", r"The number has to be \1 than"),
)
log = logging.getLogger("samplebank")


def exit_code_of(command: Callable[[], int], name: str) -> int:
    """Run the command `name` to the end, output included. Answers the exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except typer.TyperException as mistake:
        context = getattr(mistake, "ctx", None)
        called = context.command_path if context else name
        said = _plain(mistake.format_message()).rstrip(".?")
        if said == "Missing command" and context:
            said += f": {_commands(context)}"
        complain(f"{said}. See `{called} --help`.")
        return mistake.exit_code
    except (typer.Abort, KeyboardInterrupt):
        complain("Interrupted.")
        return INTERRUPTED
    except Refusal as refusal:
        complain(str(refusal))
    except BrokenPipeError:
        streams.give_up_output()  # the reader has seen enough
    except OSError as error:
        streams.give_up_output()
        complain(_about(error))
    except Exception as fault:
        if sys.flags.dev_mode:
            raise
        _tell(fault)
    else:
        return code
    return FAILED


@contextmanager
def until_interrupted() -> Iterator[None]:
    """For a block that goes on until Ctrl-C: the first Ctrl-C is the intended end, and no other disturbs the end."""
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise typer.Exit from None


@contextmanager
def waiting(said: str) -> Iterator[None]:
    """For a wait for what the service goes on with by itself. `said` tells so to whoever stops waiting or loses the service."""
    try:
        yield
    except KeyboardInterrupt:
        complain(f"Interrupted. {said}")
        raise typer.Exit(INTERRUPTED) from None
    except Refusal as refusal:
        raise Unavailable(f"{refusal} {said}") from refusal


def _plain(said: str) -> str:
    for pattern, words in PLAIN:
        said = re.sub(pattern, words, said)
    return said


def _commands(context: Any) -> str:
    found = (context.command.get_command(context, name) for name in context.command.list_commands(context))
    return ", ".join(command.name for command in found if not command.hidden)


def _about(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"The output cannot be written: {reason}."
    return f"{error.filename} cannot be used: {reason}."


def _tell(fault: Exception) -> None:
    """Name a fault of ours in one line. The log of a service gets the whole trace instead."""
    if log.hasHandlers() and log.isEnabledFor(logging.INFO):
        log.error("fault", exc_info=fault)
        return
    place = extract_tb(fault.__traceback__)[-1]
    complain(
        f"This is a fault of Samplebank: {type(fault).__name__} in {Path(place.filename).name}, line {place.lineno}. "
        "Please report it with the trace that PYTHONDEVMODE=1 shows."
    )
