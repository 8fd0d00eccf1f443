"""A classifier that obeys the sample, for tests of the classifier's callers."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

GOOD = b'{"super_type": "document", "type": "pdf"}'
UNSTORABLE = b'{"super_type": "document", "type": "pdf", "meta_data": {"a": "b\\u0000"}}'


def open_classifier(_: str) -> Callable[[bytes], bytes]:
    return lambda request: _answer(Path(os.fsdecode(request)).read_bytes())


def without_start(_: str) -> Callable[[bytes], bytes]:
    raise OSError("no memory for the model")


def killed_at_start(_: str) -> Callable[[bytes], bytes]:
    signal.raise_signal(signal.SIGKILL)
    return _answer


def _answer(content: bytes) -> bytes:
    if content == b"be killed":
        signal.raise_signal(signal.SIGKILL)
    return UNSTORABLE if content == b"lie" else GOOD


def open_census(_: str) -> Callable[[bytes], bytes]:
    """A classifier that says how many files the process looks at."""
    return lambda request: b"\n".join(
        b'{"super_type": "of one process", "type": "%d"}' % (request.count(b"\0") + 1)
        for _ in request.split(b"\0")
    )
