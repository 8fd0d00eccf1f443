"""`samplebank serve`."""

from samplebank.errors import Unavailable


def serve() -> None:
    raise Unavailable("This command is not there yet.")
