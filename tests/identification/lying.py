"""Classifiers taken over or ended by a file."""

import os
from collections.abc import Callable
from pathlib import Path

ANSWERS = {
    "NUL": b'{"super_type": "document", "type": "pdf", "meta_data": {"a": "b\\u0000"}}',
    "escaped NUL": b'{"super_type": "document", "type": "pdf", "meta_data": {"a": "\\\\\\u0000"}}',
    "no JSON": b"\xff\xfe",
    "another shape": b'{"super_type": 5, "type": ["pdf"]}',
    "a long type": b'{"super_type": "document", "type": "%s"}' % (b"x" * 5000),
    "nested": b'{"type": "pdf", "meta_data": {"a": ' + b"[" * 20000 + b"]" * 20000 + b"}}",
    "surrogate": b'{"type": "pdf", "meta_data": {"a": "\\ud800"}}',
    "huge": b"x" * 2**20,
}


def open_liar(_: str) -> Callable[[bytes], bytes]:
    """A classifier with the answer that the name of the file asks for."""
    return lambda request: ANSWERS[Path(os.fsdecode(request)).name]


def open_curious(_: str) -> Callable[[bytes], bytes]:
    """A classifier in search of a file beside the file in question."""
    return lambda request: Path(os.fsdecode(request)).with_name("other").read_bytes()


def open_fragile(_: str) -> Callable[[bytes], bytes]:
    """A classifier, ended by a file with the word `crash`."""

    def answer(request: bytes) -> bytes:
        contents = [Path(os.fsdecode(name)).read_bytes() for name in request.split(b"\0")]
        if b"crash" in contents:
            os._exit(3)
        return b"\n".join(b'{"super_type": "text", "type": "txt"}' for _ in contents)

    return answer


def open_doomed(_: str) -> Callable[[bytes], bytes]:
    """A classifier, ended by every file."""
    return lambda _: os._exit(3)
