"""Runs inside the sandbox child only: Magika's opinion, corrected by magic numbers, completed by header facts."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from magika import Magika
from onnxruntime import InferenceSession, SessionOptions, disable_telemetry_events

from samplebank.identification.executables import find_header_facts
from samplebank.identification.model import JSON, UNKNOWN, Identification
from samplebank.identification.signatures import TXT, ZIP, FileType, find_signature, find_zip_type

HEAD_BYTES = 64 * 1024
MOST_ZIP_DIRECTORY_BYTES = 16 * 1024 * 1024
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
    signature = find_signature(head)
    if guess.label in DELIMITERS and DELIMITERS[guess.label].isdisjoint(head):
        return TXT
    if signature is None or guess.label == signature.file_type.label or guess.label in signature.agreeing:
        known = guess
    else:
        known = signature.file_type
    return _zip_type(path) or known if known.label == ZIP.label else known


def _zip_type(path: Path) -> FileType | None:
    try:
        with zipfile.ZipFile(path) as archive:
            if path.stat().st_size - archive.start_dir > MOST_ZIP_DIRECTORY_BYTES:
                return None
            return find_zip_type(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None


class _SingleThreadedMagika(Magika):
    """Magika has no option for it, and a second thread costs twice the processor time for the same answers a second."""

    def _init_onnx_session(self) -> InferenceSession:
        disable_telemetry_events()
        options = SessionOptions()
        options.intra_op_num_threads = 1
        return InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])
