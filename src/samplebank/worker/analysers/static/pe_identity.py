"""What tells a Windows program from others, or ties the program to its relatives: Rich header, debug data, delayed imports, .NET."""

import hashlib
import uuid
from collections.abc import Mapping
from itertools import islice

import lief
import yara_x

from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import (
    MOST_FUNCTIONS,
    MOST_LIBRARIES,
    names,
    plain,
    text_of,
)
from samplebank.worker.contract import JSON

MOST_TOOLS, MOST_REFERENCES = 100, 200
GUID_BYTES = 16
#: the end of a Rich header whose key is 0
RICH_END = b"Rich" + bytes(4)
#: entries of the .NET module of YARA-X, and their names in the result
DOT_NET = {"version": "version", "module_name": "module", "typelib": "typelib"}


def rich_facts(binary: lief.PE.Binary) -> dict[str, JSON] | None:
    """The Rich header: which tools of Microsoft built how many parts. The hash is that of pefile and VirusTotal."""
    rich = binary.rich_header if binary.has_rich_header else None
    if rich is None:
        return None
    plain_header = bytes(rich.raw(0)).removesuffix(RICH_END)
    return {
        "hash": hashlib.md5(plain_header, usedforsecurity=False).hexdigest(),
        "tools": [
            {"product": entry.id, "build": entry.build_id, "count": entry.count}
            for entry in islice(rich.entries, MOST_TOOLS)
        ],
    }


def debug_facts(binary: lief.PE.Binary) -> dict[str, JSON]:
    """Where the debug information of the program lay, and the number that ties both together."""
    found = binary.codeview_pdb
    if found is None:
        return {"pdb": None, "pdbGuid": None}
    signature = bytes(found.signature)
    if len(signature) != GUID_BYTES:
        return {"pdb": plain(found.filename), "pdbGuid": None}
    identifier = str(uuid.UUID(bytes_le=signature)).upper()
    return {"pdb": plain(found.filename), "pdbGuid": f"{identifier}-{found.age}"}


def delayed_imports(binary: lief.PE.Binary, parts: Parts) -> list[dict[str, JSON]]:
    return [_library(library, parts) for library in islice(binary.delay_imports, MOST_LIBRARIES)]


def _library(library: lief.PE.DelayImport, parts: Parts) -> dict[str, JSON]:
    functions = names(parts, "delayed imports", lambda: library.entries, MOST_FUNCTIONS)
    return {"library": text_of(lambda: library.name), "functions": functions}


def dot_net_facts(content: bytes) -> dict[str, JSON] | None:
    """The facts of a .NET program. `mvid` changes with each build, `typelib` stays with a project."""
    found: Mapping[str, JSON] = yara_x.Module("dotnet").invoke(content) or {}  # type: ignore[arg-type]  # the stub is wrong: the bytes of a file
    if not found.get("is_dotnet"):
        return None
    references = [one.get("name", "") for one in found.get("assembly_refs", [])]
    return {
        **{ours: plain(found[theirs]) for theirs, ours in DOT_NET.items() if found.get(theirs)},
        "mvid": next((plain(one) for one in found.get("guids", [])), None),
        "assembly": plain(found.get("assembly", {}).get("name", "")) or None,
        "references": [plain(one) for one in islice(references, MOST_REFERENCES) if one],
    }
