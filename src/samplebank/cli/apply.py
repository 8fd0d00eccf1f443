"""`samplebank apply`."""

from samplebank.errors import Unavailable


def apply() -> None:
    raise Unavailable("This command is not there yet.")
