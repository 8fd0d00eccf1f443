"""The JSON Schema of a static analysis. The service checks every result against the schema."""

from collections.abc import Mapping

from samplebank.worker.contract import JSON

STRINGS: JSON = {"type": "array", "items": {"type": "string"}}
SECTIONS: JSON = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "size"],
        "properties": {
            "name": {"type": "string"},
            "offset": {"type": "integer", "minimum": 0},
            "size": {"type": "integer", "minimum": 0},
            "virtualSize": {"type": "integer", "minimum": 0},
            "entropy": {"type": "number", "minimum": 0, "maximum": 8},
            "rights": {"type": "string", "pattern": "^[r-][w-][x-]$"},
            "sha256": {"type": "string"},
        },
    },
}
IMPORTS: JSON = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["library", "functions"],
        "properties": {"library": {"type": "string"}, "functions": STRINGS},
    },
}
OVERLAY: JSON = {
    "type": ["object", "null"],
    "required": ["size", "entropy"],
    "properties": {
        "offset": {"type": "integer", "minimum": 0},
        "size": {"type": "integer", "minimum": 0},
        "entropy": {"type": "number", "minimum": 0, "maximum": 8},
    },
}
TEXT: JSON = {"type": ["string", "null"]}
RESOURCES: JSON = {
    "title": "Resources",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["kind", "name", "language", "size"],
        "properties": {
            "kind": {"title": "Kind", "type": "string"},
            "name": {"title": "Name", "type": "string"},
            "language": {"title": "Language", "type": "string"},
            "size": {"title": "Size", "type": "integer", "minimum": 0, "x-unit": "bytes"},
            "entropy": {"title": "Entropy", "type": "number", "minimum": 0, "maximum": 8},
            "sha256": {"title": "SHA-256", "type": "string"},
        },
    },
}
SIGNATURE: JSON = {
    "title": "Signature",
    "type": ["object", "null"],
    "properties": {
        "certificates": {"title": "Certificates", **STRINGS},
        "thumbprints": {"title": "SHA-256 of the certificates", **STRINGS},
        "trust": {
            "title": "Trust",
            "type": ["object", "null"],
            "required": ["isTrusted", "reason", "chain", "signedAt"],
            "properties": {
                "isTrusted": {"title": "Leads to a trusted root", "type": "boolean"},
                "reason": {"title": "Why not", "type": ["string", "null"]},
                "chain": {"title": "From the signer to the root", **STRINGS},
                "signedAt": {"title": "Signed at", "type": ["string", "null"]},
            },
        },
    },
}
PROGRAM: JSON = {
    "type": "object",
    "properties": {
        "arch": {"type": "string"},
        "sections": SECTIONS,
        "imports": IMPORTS,
        "delayedImports": IMPORTS,
        "exports": STRINGS,
        "libraries": STRINGS,
        "overlay": OVERLAY,
        "imphash": {"type": "string"},
        "authentihash": {"type": "string"},
        "signature": SIGNATURE,
        "rich": {"title": "Rich header", "type": ["object", "null"]},
        "resources": RESOURCES,
        "version": {"title": "Version", "type": ["object", "null"]},
        "icon": {"title": "Icon", "type": ["object", "null"]},
        "dotNet": {"title": ".NET", "type": ["object", "null"]},
        "pdb": {"title": "Debug information", **TEXT},
        "pdbGuid": {"title": "Number of the debug information", **TEXT},
        "buildId": {"title": "Build id", **TEXT},
        "goBuildId": {"title": "Build id of Go", **TEXT},
        "rpath": {"title": "RPATH", **TEXT},
        "runpath": {"title": "RUNPATH", **TEXT},
        "uuid": {"title": "UUID", **TEXT},
    },
}
TRAIT: JSON = {
    "type": "object",
    "required": ["name", "kind", "weight", "sentence"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["structure", "behaviour"]},
        "weight": {"type": "integer", "minimum": 0},
        "sentence": {"type": "string"},
        "tag": {"type": ["string", "null"]},
        "detail": {"type": "string"},
    },
}
SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Static analysis",
    "type": "object",
    "required": ["format", "size", "entropy", "strings", "traits"],
    "properties": {
        "format": {"enum": ["pe", "elf", "macho", "pdf", "ooxml", "zip", "ole", "archive", "text", "data"]},
        "size": {"type": "integer", "minimum": 1},
        "entropy": {"type": "number", "minimum": 0, "maximum": 8},
        "strings": {
            "type": "object",
            "required": ["count", "longest", "urls"],
            "properties": {"count": {"type": "integer"}, "longest": {"type": "integer"}, "urls": STRINGS},
        },
        "traits": {"type": "array", "items": TRAIT},
        "notParsed": {"type": "string"},
        "notLookedInto": {"type": "string"},
        "entriesNotLookedInto": STRINGS,
        "pe": PROGRAM,
        "elf": PROGRAM,
        "macho": PROGRAM,
        "pdf": {"type": "object"},
        "ooxml": {"type": "object"},
        "zip": {"type": "object"},
        "archive": {"type": "object"},
        "damagedParts": STRINGS,
        "ole": {"type": "object"},
        "text": {"type": "object"},
    },
}
