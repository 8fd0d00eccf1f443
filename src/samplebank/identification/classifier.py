"""Asks Magika, corrects the guess by magic numbers, and adds header facts. Runs inside the sandbox child only."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from magika import Magika
from onnxruntime import InferenceSession, SessionOptions, disable_telemetry_events

from samplebank.identification import file_types as types
from samplebank.identification.compound_file import find_stream, is_encrypted_package
from samplebank.identification.executables import find_header_facts
from samplebank.identification.file_types import FileType
from samplebank.identification.marks import lacks_mark
from samplebank.identification.model import JSON, UNKNOWN, Identification
from samplebank.identification.signatures import (
    find_open_document,
    find_signature,
    find_tail_type,
    find_zip_type,
)
from samplebank.identification.texts import find_script_type
from samplebank.identification.zip_directory import read_directory

# The marks of filesystems stand within so many first bytes.
HEAD_BYTES, TAIL_BYTES = 72 * 1024, 512
MOST_COMPOUND_BYTES = 256 * 1024 * 1024
# Magika mistakes short and odd texts for Lisp.
LISP, LISP_STARTS = "lisp", (b"(", b";", b"#|", b"'", b"`")
UNTOLD = FileType(UNKNOWN, UNKNOWN, "application/octet-stream", "Unknown binary data")
#: streams of compound files, and the type that each stream tells
COMPOUND_STREAMS = (
    ("__properties_version1.0", types.OUTLOOK),
    ("WordDocument", types.DOC),
    ("Workbook", types.XLS),
    ("Book", types.XLS),
    ("PowerPoint Document", types.PPT),
)
#: guesses that say less than the streams, or the entries, of the file
TOLD_BY_STREAMS = frozenset({"doc", "xls", "ppt", "outlook"})
SAYS_ITS_TYPE = frozenset({"odt", "ods", "odp"})
TOLD_BY_ENTRIES = frozenset({"docx", "xlsx", "xlsb", "pptx", "odt", "ods", "odp"})
# Magika mistakes repetitive prose for a table.
DELIMITERS = {"csv": frozenset(b",;\t|"), "tsv": frozenset(b"\t")}
PLATFORMS = {
    "mzbin": "dos",
    "com": "dos",
    "nebin": "windows",
    "hta": "windows",
    "wsf": "windows",
    "apk": "android",
    "dex": "android",
    "javabytecode": "java",
    "jar": "java",
    "wasm": "web",
}


def open_classifier(_argument: str) -> Callable[[bytes], bytes]:
    """Load the model once for the life of the child."""
    magika = _SingleThreadedMagika()
    # The first run allocates memory: here once, instead of in the process of each call.
    magika.identify_bytes(bytes(HEAD_BYTES))

    def answer(request: bytes) -> bytes:
        return msgspec.json.encode(identify(magika, Path(os.fsdecode(request))))

    return answer


def identify(magika: Magika, path: Path) -> Identification:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            return Identification(meta_data={"description": "Empty file", "mimeType": "application/x-empty"})
        # Given a path, Magika would ask for the rights of the real account. The sandbox has changed the account.
        opinion = magika.identify_stream(file)
    guess = FileType(
        str(opinion.output.label),
        opinion.output.group,
        opinion.output.mime_type,
        opinion.output.description,
        tuple(opinion.output.extensions),
    )
    file_type = _corrected(guess, head, path)
    header = find_header_facts(path, file_type.label)
    meta_data: dict[str, JSON] = {
        "mimeType": file_type.mime_type,
        "description": file_type.description,
        "extensions": list(file_type.extensions),
        "score": round(float(opinion.score), 4),
    }
    if file_type.label != guess.label:
        meta_data["guess"] = guess.label
    return Identification(
        super_type=file_type.group or UNKNOWN,
        type=file_type.label or UNKNOWN,
        arch=header.arch if header else None,
        platform=header.platform if header else PLATFORMS.get(file_type.label),
        meta_data=meta_data | (header.facts if header else {}),
    )


def _corrected(guess: FileType, head: bytes, path: Path) -> FileType:
    tail_type = find_tail_type(_tail(path))
    if tail_type is not None:
        return tail_type
    signature = find_signature(head)
    if signature is None:
        return _without_mark(guess, head)
    known = signature.file_type
    if guess.label == known.label or guess.label in signature.agreeing:
        known = guess
    if signature.file_type is types.OLE:
        return _compound_type(path, known)
    if signature.file_type is types.ZIP and known.label in {types.ZIP.label, *TOLD_BY_ENTRIES}:
        return (
            find_open_document(head)
            or _zip_type(path)
            or (types.ZIP if known.label in SAYS_ITS_TYPE else known)
        )
    return known


def _without_mark(guess: FileType, head: bytes) -> FileType:
    """Magika's guess, unless the bytes contradict the guess."""
    if lacks_mark(guess.label, head):
        return UNTOLD
    if guess.label in DELIMITERS and DELIMITERS[guess.label].isdisjoint(head):
        return types.TXT
    script = find_script_type(head, guess.label)
    if script is None and guess.label == LISP and not head.lstrip().startswith(LISP_STARTS):
        return types.TXT
    return script or guess


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()


def _compound_type(path: Path, guess: FileType) -> FileType:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MOST_COMPOUND_BYTES:
            return guess
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if is_encrypted_package(content):
                return types.ENCRYPTED_OFFICE
            named = next((kind for name, kind in COMPOUND_STREAMS if find_stream(content, name) >= 0), None)
    return types.OLE if named is None and guess.label in TOLD_BY_STREAMS else named or guess


def _zip_type(path: Path) -> FileType | None:
    with path.open("rb") as file:
        return find_zip_type(entry.name for entry in read_directory(file).entries)


class _SingleThreadedMagika(Magika):
    """Magika with one thread. Magika has no option for the number of threads.

    A second thread would cost twice the processor time for the same number of answers per second.
    """

    def _init_onnx_session(self) -> InferenceSession:
        disable_telemetry_events()
        options = SessionOptions()
        options.intra_op_num_threads = 1
        return InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])
