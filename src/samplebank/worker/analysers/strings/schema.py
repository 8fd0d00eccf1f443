"""The JSON Schema of what `strings` finds, with titles for people. The service checks every result against the schema."""

from collections.abc import Mapping
from typing import get_args

from samplebank.worker.analysers.rule_matches import PATTERNS
from samplebank.worker.contract import JSON, Assessment

TEXTS: JSON = {"type": "array", "items": {"type": "string"}}
NUMBER: JSON = {"type": "integer", "minimum": 0}
LAYER: JSON = {**NUMBER, "title": "Layer", "description": "0 is the file itself."}


def _indicators(title: str, column: str) -> JSON:
    return {
        "title": title,
        "type": "array",
        "items": {
            "type": "object",
            "required": ["defanged", "value", "layer", "where"],
            "properties": {
                "defanged": {"title": column, "type": "string"},
                "value": {"title": "As found", "type": "string", "x-hidden": True},
                "layer": LAYER,
                "where": {**NUMBER, "title": "Offset in the layer"},
            },
        },
    }


IOCS: JSON = {
    "title": "Indicators",
    "description": "Each value once, those of layers first.",
    "type": "object",
    "properties": {
        "urls": _indicators("Addresses of the web", "Address"),
        "domains": _indicators("Domains", "Domain"),
        "ips": _indicators("IP addresses", "Address"),
        "emails": _indicators("Mail addresses", "Address"),
        "wallets": _indicators("Wallets", "Wallet"),
        "paths": _indicators("Paths", "Path"),
        "registry": _indicators("Registry keys", "Key"),
    },
}
LAYERS: JSON = {
    "title": "Layers",
    "description": "What was peeled off, each as evidence.",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["number", "how", "parent", "where", "depth", "size", "file", "sha256"],
        "properties": {
            "number": {**NUMBER, "title": "Layer"},
            "how": {**TEXTS, "title": "Peeled by"},
            "parent": {**NUMBER, "title": "Of layer", "description": "0 is the file itself."},
            "where": {**NUMBER, "title": "Offset there"},
            "depth": {**NUMBER, "title": "Depth"},
            "size": {**NUMBER, "title": "Size", "x-unit": "bytes"},
            "words": {**TEXTS, "title": "Words it hid"},
            "rules": {**TEXTS, "title": "YARA rules"},
            "file": {"title": "Evidence", "type": "string"},
            "sha256": {"title": "SHA-256", "type": "string"},
        },
    },
}
RULES: JSON = {
    "title": "Rules that match layers",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["rule", "layer", "score", "assessment"],
        "properties": {
            "rule": {"title": "Rule", "type": "string"},
            "layer": LAYER,
            "score": {"title": "Score", "type": "integer", "minimum": 0, "maximum": 100},
            "assessment": {"title": "Assessment", "enum": list(get_args(Assessment))},
            "description": {"title": "Meaning", "type": ["string", "null"]},
            "patterns": PATTERNS,
        },
    },
}
ATTACK: JSON = {
    "title": "Techniques of MITRE ATT&CK",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["technique", "name", "layer"],
        "properties": {
            "technique": {"title": "Technique", "type": "string"},
            "name": {"title": "Name", "type": "string"},
            "layer": LAYER,
        },
    },
}
STRINGS: JSON = {
    "title": "Strings",
    "type": "object",
    "required": ["ascii", "wide", "isText", "isCut"],
    "properties": {
        "ascii": {**NUMBER, "title": "In ASCII"},
        "wide": {**NUMBER, "title": "In UTF-16"},
        "isText": {"title": "The file is a text", "type": "boolean"},
        "file": {"title": "Evidence", "type": ["string", "null"]},
        "isCut": {"title": "The evidence is cut", "type": "boolean"},
    },
}
SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Strings and layers",
    "type": "object",
    "required": ["layers", "rules", "attack", "iocs", "iocTotals", "strings", "limits"],
    "properties": {
        "layers": LAYERS,
        "rules": RULES,
        "attack": ATTACK,
        "iocs": IOCS,
        "iocTotals": {
            "title": "Indicators found in all",
            "type": "object",
            "additionalProperties": NUMBER,
        },
        "wellKnown": {
            "title": "Well-known hosts",
            "description": "Hosts of schemas, certificates and platforms, which say little.",
            **TEXTS,
        },
        "strings": STRINGS,
        "limits": {"title": "Limits met", **TEXTS},
    },
}
