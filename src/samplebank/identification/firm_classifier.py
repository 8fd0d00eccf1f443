"""Tells the types that the bytes leave no doubt about, and adds header facts. Runs inside the sandbox child only."""

from collections.abc import Callable
from pathlib import Path

from samplebank.identification.answering import described, one_by_one
from samplebank.identification.executables import find_header_facts
from samplebank.identification.firm_types import HEAD_BYTES, find_firm_type
from samplebank.identification.model import Identification

SURE = 1.0


def open_firm(_argument: str) -> Callable[[bytes], bytes]:
    return one_by_one(identify_firm)


def identify_firm(path: Path) -> Identification | None:
    """Name the type of a file; None where only the model can."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = find_firm_type(head, path)
    return None if found is None else described(found, SURE, header=find_header_facts(path, found.label))
