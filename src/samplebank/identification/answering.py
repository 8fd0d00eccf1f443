"""How the classifiers answer: with what is known of files of a type. Runs inside sandbox children only."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from samplebank.identification.file_types import FileType
from samplebank.identification.model import JSON, UNKNOWN, HeaderFacts, Identification

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


def one_by_one(identify: Callable[[Path], Identification | None]) -> Callable[[bytes], bytes]:
    """Make an answerer for several files: names with NUL between them in, a line of JSON for each file out."""

    def answer(request: bytes) -> bytes:
        return b"\n".join(
            msgspec.json.encode(identify(Path(os.fsdecode(name)))) for name in request.split(b"\0")
        )

    return answer


def described(
    file_type: FileType, score: float, *, header: HeaderFacts | None = None, guess: str | None = None
) -> Identification:
    """Say what is known of a file of this type. `guess` is the label of the model, if the model was asked."""
    meta_data: dict[str, JSON] = {
        "mimeType": file_type.mime_type,
        "description": file_type.description,
        "extensions": list(file_type.extensions),
        "score": score,
    }
    if guess not in {None, file_type.label}:
        meta_data["guess"] = guess
    return Identification(
        super_type=file_type.group or UNKNOWN,
        type=file_type.label or UNKNOWN,
        arch=header.arch if header else None,
        platform=header.platform if header else PLATFORMS.get(file_type.label),
        meta_data=meta_data | (header.facts if header else {}),
    )
