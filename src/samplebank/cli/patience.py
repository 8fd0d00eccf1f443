"""Patience for commands that go on for long: a restart of the service does not end the command."""

import math
import time
from collections.abc import Callable
from typing import Final, TypeVar

from samplebank.cli.printing import complain
from samplebank.cli.refusals import AWAY

Answer = TypeVar("Answer")

PAUSE: Final = 1.0  # seconds between two questions to a service that is away
#: seconds for which a command that waits for an end asks a service that is away
LONGEST_ABSENCE: Final = 120.0


def patiently(
    question: Callable[[], Answer], tell: Callable[[str], None] = complain, *, longest: float = math.inf
) -> Answer:
    """Ask until the service answers, for `longest` seconds at most. The question may be asked more than once.

    One sentence tells that the service is away, another that the service is back.
    Ask from the main thread: other threads feel no Ctrl-C.
    """
    since: float | None = None
    while True:
        try:
            answer = question()
        except AWAY as refusal:
            if since is None:
                since = time.monotonic()
                tell(f"The service is away; trying again. {refusal}")
            elif time.monotonic() - since > longest:
                raise
            time.sleep(PAUSE)
        else:
            if since is not None:
                tell("The service is back.")
            return answer
