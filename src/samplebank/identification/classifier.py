"""Runs inside the sandbox child only: Magika's opinion, corrected by magic numbers, completed by header facts."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from magika import Magika
from onnxruntime import InferenceSession, SessionOptions, disable_telemetry_events

from samplebank.identification.compound_file import is_encrypted_package
from samplebank.identification.executables import find_header_facts
from samplebank.identification.model import JSON, UNKNOWN, Identification
from samplebank.identification.signatures import (
    ENCRYPTED_OFFICE,
    ISO,
    ISO_MARK,
    ISO_PLACES,
    OLE,
    TXT,
    WEAK,
    ZIP,
    FileType,
    find_signature,
    find_zip_type,
)
from samplebank.identification.zip_directory import read_directory

HEAD_BYTES = 64 * 1024
MOST_COMPOUND_BYTES = 256 * 1024 * 1024
#: the score from which Magika is believed against a magic number of few bytes
SURE = 0.9
# Magika sees Lisp in short and in odd texts.
LISP, LISP_STARTS = "lisp", (b"(", b";", b"#|", b"'", b"`")
VAGUE = frozenset({UNKNOWN, TXT.label})
UNTOLD = FileType(UNKNOWN, UNKNOWN, "application/octet-stream", "Unknown binary data")
# Magika sees a table in repetitive prose.
DELIMITERS = {"csv": frozenset(b",;\t|"), "tsv": frozenset(b"\t")}
PLATFORMS = {"apk": "android", "dex": "android", "javabytecode": "java", "jar": "java", "wasm": "web"}


def open_classifier(_argument: str) -> Callable[[bytes], bytes]:
    """Load the model once for the life of the child."""
    magika = _SingleThreadedMagika()
    # The memory of a first run is got once here, instead of in each process of a call.
    magika.identify_bytes(bytes(HEAD_BYTES))

    def answer(request: bytes) -> bytes:
        return msgspec.json.encode(identify(magika, Path(os.fsdecode(request))))

    return answer


def identify(magika: Magika, path: Path) -> Identification:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            return Identification(meta_data={"description": "Empty file", "mimeType": "application/x-empty"})
        # Not by its path: Magika asks for the rights of the real account first, which the sandbox changes.
        opinion = magika.identify_stream(file)
    guess = FileType(
        str(opinion.output.label),
        opinion.output.group,
        opinion.output.mime_type,
        opinion.output.description,
        tuple(opinion.output.extensions),
    )
    file_type = _corrected(guess, head, path, float(opinion.score))
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


def _corrected(guess: FileType, head: bytes, path: Path, score: float) -> FileType:
    signature = find_signature(head)
    if guess.label in DELIMITERS and DELIMITERS[guess.label].isdisjoint(head):
        return TXT
    if guess.label == LISP and not head.lstrip().startswith(LISP_STARTS):
        return TXT
    if guess.label == ISO and not _is_iso(path):
        guess = UNTOLD
    if (
        signature is None
        or guess.label == signature.file_type.label
        or guess.label in signature.agreeing
        or (signature.file_type.label in WEAK and guess.label not in VAGUE and score >= SURE)
    ):
        known = guess
    else:
        known = signature.file_type
    if signature is not None and signature.file_type is OLE and _is_encrypted_office(path):
        return ENCRYPTED_OFFICE
    return _zip_type(path) or known if known.label == ZIP.label else known


def _is_iso(path: Path) -> bool:
    """Whether a volume descriptor stands where one must (ECMA-119, 6.2.1)."""
    with path.open("rb") as file:
        for place in ISO_PLACES:
            file.seek(place)
            if file.read(len(ISO_MARK)) == ISO_MARK:
                return True
    return False


def _is_encrypted_office(path: Path) -> bool:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MOST_COMPOUND_BYTES:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return is_encrypted_package(content)


def _zip_type(path: Path) -> FileType | None:
    with path.open("rb") as file:
        return find_zip_type(entry.name for entry in read_directory(file).entries)


class _SingleThreadedMagika(Magika):
    """Magika has no option for it, and a second thread costs twice the processor time for the same answers a second."""

    def _init_onnx_session(self) -> InferenceSession:
        disable_telemetry_events()
        options = SessionOptions()
        options.intra_op_num_threads = 1
        return InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])
