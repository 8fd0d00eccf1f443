"""Opens compound files (OLE) with olefile, and tells what kind of document a compound file is. Needs the package olefile."""

import io
from typing import Any

from samplebank.worker.analysers.documents.damage import BROKEN
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.extract.extras import installed

olefile = installed("olefile")

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_STREAM_BYTES = 32 * 1024 * 1024


def opened(data: bytes) -> Any:
    """Open a compound file; None for bytes that are no compound file, or too damaged to have a directory."""
    if olefile is None or not data.startswith(MAGIC):
        return None
    try:
        return olefile.OleFileIO(io.BytesIO(data))
    except BROKEN:
        return None


def read_stream(container: Any, name: str, report: Report) -> bytes:
    """The bytes of a stream; empty where the stream is missing or damaged."""
    if not name:
        return b""
    report.go_on()
    try:
        content: bytes = container.openstream(name.split("/")).read(MOST_STREAM_BYTES)
    except BROKEN as error:
        report.damage(name, error)
        return b""
    report.count(len(content))
    return content


def streams_of(container: Any) -> dict[str, str]:
    """The streams by their names in small letters."""
    return {
        "/".join(entry).lower(): "/".join(entry) for entry in container.listdir(streams=True, storages=False)
    }
