"""What ends the analysers of a command, in the words of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from samplebank.cli.worker_choice import SETTING
from samplebank.errors import Refusal
from samplebank.sandbox import SandboxError
from samplebank.worker.errors import UnknownSetting, WorkerError
from samplebank.worker.registration import DescriptionRefused, NotRegistered


@contextmanager
def refusing(remedy: str = "") -> Iterator[None]:
    """Turn an error of the analysers into a wrong use of the command, or into a refusal.

    `remedy` is what to do about a key that may not register an analyser.
    """
    try:
        yield
    except DescriptionRefused as error:
        raise Refusal(str(error)) from error
    except NotRegistered as error:
        raise Refusal(f"{error} {remedy}") from error
    except UnknownSetting as mistake:
        raise typer.BadParameter(str(mistake), param_hint=SETTING) from mistake
    except (WorkerError, SandboxError) as error:
        raise Refusal(str(error)) from error
