"""Asks Magika, and corrects the guess by magic numbers. Runs inside the sandbox child only.

LIEF is not loaded here: loading takes longer than loading the model. Programs come to the model only where LIEF failed at them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from magika import Magika
from onnxruntime import InferenceSession, SessionOptions, disable_telemetry_events

from samplebank.identification import file_types as types
from samplebank.identification.answering import described, one_by_one
from samplebank.identification.file_types import FileType
from samplebank.identification.firm_types import (
    HEAD_BYTES,
    compound_type,
    tail_of,
    zip_names,
)
from samplebank.identification.marks import lacks_mark
from samplebank.identification.model import UNKNOWN, Identification
from samplebank.identification.signatures import (
    find_open_document,
    find_signature,
    find_tail_type,
    find_zip_type,
)
from samplebank.identification.texts import find_interpreted_type, find_script_type, without_false_mark

# Magika mistakes short and odd texts for Lisp.
LISP, LISP_STARTS = "lisp", (b"(", b";", b"#|", b"'", b"`")
UNTOLD = FileType(UNKNOWN, UNKNOWN, "application/octet-stream", "Unknown binary data")
#: guesses that say less than the streams, or the entries, of the file
TOLD_BY_STREAMS = frozenset({"doc", "xls", "ppt", "outlook"})
SAYS_ITS_TYPE = frozenset({"odt", "ods", "odp"})
TOLD_BY_ENTRIES = frozenset({"docx", "xlsx", "xlsb", "pptx", "odt", "ods", "odp"})
# Magika mistakes repetitive prose for a table.
DELIMITERS = {"csv": frozenset(b",;\t|"), "tsv": frozenset(b"\t")}


def open_classifier(_argument: str) -> Callable[[bytes], bytes]:
    """Load the model once for the life of the child."""
    magika = _SingleThreadedMagika()
    # The first run allocates memory: here once, instead of in the process of each call.
    magika.identify_bytes(bytes(HEAD_BYTES))
    return one_by_one(partial(identify, magika))


def identify(magika: Magika, path: Path) -> Identification:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            return Identification(meta_data={"description": "Empty file", "mimeType": "application/x-empty"})
        # Given a path, Magika would ask for the rights of the real account. The sandbox has changed the account.
        opinion = magika.identify_stream(file)
    plain = without_false_mark(head)
    if plain != head:
        opinion = max(opinion, magika.identify_bytes(plain), key=lambda one: one.score)
    guess = FileType(
        str(opinion.output.label),
        opinion.output.group,
        opinion.output.mime_type,
        opinion.output.description,
        tuple(opinion.output.extensions),
    )
    corrected = _corrected(guess, head, path)
    return described(corrected, round(float(opinion.score), 4), guess=guess.label)


def _corrected(guess: FileType, head: bytes, path: Path) -> FileType:
    tail_type = find_tail_type(head, tail_of(path))
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
            or find_zip_type(zip_names(path))
            or (types.ZIP if known.label in SAYS_ITS_TYPE else known)
        )
    return known


def _without_mark(guess: FileType, head: bytes) -> FileType:
    """Magika's guess, unless the bytes contradict the guess."""
    if guess.label == UNKNOWN or lacks_mark(guess.label, head):
        interpreted = find_interpreted_type(head)
        if interpreted is not None:
            return interpreted
    if lacks_mark(guess.label, head):
        return UNTOLD
    if guess.label in DELIMITERS and DELIMITERS[guess.label].isdisjoint(head):
        return types.TXT
    script = find_script_type(without_false_mark(head), guess.label)
    if script is None and guess.label == LISP and not head.lstrip().startswith(LISP_STARTS):
        return types.TXT
    return script or guess


def _compound_type(path: Path, guess: FileType) -> FileType:
    named = compound_type(path)
    return types.OLE if named is None and guess.label in TOLD_BY_STREAMS else named or guess


class _SingleThreadedMagika(Magika):
    """Magika with one thread. Magika has no option for the number of threads.

    A second thread would cost twice the processor time for the same number of answers per second.
    """

    def _init_onnx_session(self) -> InferenceSession:
        disable_telemetry_events()
        options = SessionOptions()
        options.intra_op_num_threads = 1
        return InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])
