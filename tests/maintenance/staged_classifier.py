"""A classifier that does what the sample says, for tests of the classifier's callers."""

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
