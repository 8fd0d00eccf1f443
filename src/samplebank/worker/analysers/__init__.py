"""The analysers that come with Samplebank. The worker names analysers by import path, so that only children load them."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import msgspec

BUILT_IN: Mapping[str, str] = {
    "static": "samplebank.worker.analysers.static:StaticAnalyser",
    "yara": "samplebank.worker.analysers.yara:YaraAnalyser",
    "strings": "samplebank.worker.analysers.strings:StringsAnalyser",
    "extract": "samplebank.worker.analysers.extract.analyser:ExtractAnalyser",
    "documents": "samplebank.worker.analysers.documents.analyser:DocumentsAnalyser",
}


class Registration(msgspec.Struct, frozen=True):
    """What a worker is registered with: names and descriptions by language, and the JSON Schema of the results."""

    names: dict[str, str]
    descriptions: dict[str, str]
    schema: dict[str, Any] | None


def registrations() -> Mapping[str, Registration]:
    """What the built-in analysers say of themselves, by name.

    Kept in a file, as five sandboxes would take half of the first start's time. `scripts/registrations.py`
    writes the file, and a test compares the file with the analysers.
    """
    kept = files(__name__).joinpath("registrations.json").read_bytes()
    return msgspec.json.decode(kept, type=dict[str, Registration])
