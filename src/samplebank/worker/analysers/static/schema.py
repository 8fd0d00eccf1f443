"""The JSON Schema of a static analysis, with titles for people. The service checks every result against the schema."""

from collections.abc import Mapping

from samplebank.worker.contract import JSON

STRINGS: JSON = {"type": "array", "items": {"type": "string"}}
ENTROPY: JSON = {"title": "Entropy", "type": "number", "minimum": 0, "maximum": 8}
OFFSET: JSON = {"title": "Offset", "type": "integer", "minimum": 0}
SHA256: JSON = {"title": "SHA-256", "type": "string"}
SIZE: JSON = {"title": "Size", "type": "integer", "minimum": 0, "x-unit": "bytes"}
SECTIONS: JSON = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "size"],
        "properties": {
            "name": {"title": "Name", "type": "string"},
            "offset": OFFSET,
            "size": SIZE,
            "virtualSize": {**SIZE, "title": "Size in memory"},
            "entropy": ENTROPY,
            "rights": {"title": "Rights", "type": "string", "pattern": "^[r-][w-][x-]$"},
            "sha256": SHA256,
        },
    },
}
IMPORTS: JSON = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["library", "functions"],
        "properties": {
            "library": {"title": "Library", "type": "string"},
            "functions": {"title": "Functions", **STRINGS},
        },
    },
}
OVERLAY: JSON = {
    "type": ["object", "null"],
    "required": ["size", "entropy"],
    "properties": {
        "offset": OFFSET,
        "size": SIZE,
        "entropy": ENTROPY,
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
            "size": SIZE,
            "entropy": ENTROPY,
            "sha256": SHA256,
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
        "arch": {"title": "Architecture", "type": "string"},
        "sections": {"title": "Sections", **SECTIONS},
        "imports": {"title": "Imports", **IMPORTS},
        "delayedImports": {"title": "Delayed imports", **IMPORTS},
        "exports": {"title": "Exports", **STRINGS},
        "libraries": {"title": "Libraries", **STRINGS},
        "overlay": {"title": "Overlay", **OVERLAY},
        "imphash": {"title": "Imphash", "type": "string"},
        "authentihash": {"title": "Authentihash", "type": "string"},
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
    "required": ["sentence", "weight", "kind", "name"],
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "kind": {"title": "Kind", "enum": ["structure", "behaviour"]},
        "weight": {"title": "Weight", "type": "integer", "minimum": 0},
        "sentence": {"title": "Finding", "type": "string"},
        "tag": {"title": "Tag", "type": ["string", "null"]},
        "detail": {"title": "Detail", "type": "string"},
    },
}
SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Static analysis",
    "type": "object",
    "required": ["format", "size", "entropy", "strings", "traits"],
    "properties": {
        "format": {
            "title": "Format",
            "enum": ["pe", "elf", "macho", "pdf", "ooxml", "zip", "ole", "archive", "text", "data"],
        },
        "size": {**SIZE, "minimum": 1},
        "entropy": ENTROPY,
        "strings": {
            "title": "Strings",
            "type": "object",
            "required": ["count", "longest", "urls"],
            "properties": {
                "count": {"title": "Number", "type": "integer"},
                "longest": {"title": "Longest", "type": "integer"},
                "printableShare": {"title": "Share of the bytes", "type": "number"},
                "urls": {"title": "Addresses", **STRINGS},
            },
        },
        "traits": {"title": "Traits", "type": "array", "items": TRAIT},
        "notParsed": {"title": "Not parsed", "type": "string"},
        "notLookedInto": {"title": "Not looked into", "type": "string"},
        "entriesNotLookedInto": {"title": "Entries not looked into", **STRINGS},
        "pe": {"title": "PE", **PROGRAM},
        "elf": {"title": "ELF", **PROGRAM},
        "macho": {"title": "Mach-O", **PROGRAM},
        "pdf": {"title": "PDF", "type": "object"},
        "ooxml": {"title": "Office Open XML", "type": "object"},
        "zip": {"title": "ZIP", "type": "object"},
        "archive": {"title": "Archive", "type": "object"},
        "damagedParts": {"title": "Damaged parts", **STRINGS},
        "ole": {"title": "OLE", "type": "object"},
        "text": {"title": "Text", "type": "object"},
    },
}
