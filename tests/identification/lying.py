"""A classifier that a sample has taken over: the name of the file decides the answer."""

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
    return lambda request: ANSWERS[Path(os.fsdecode(request)).name]
