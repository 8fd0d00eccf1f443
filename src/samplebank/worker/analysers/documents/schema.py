"""The JSON Schema of what `documents` finds, with titles for people. The service checks every result against the schema.

Pages show the fields in the order of `required`, and then all others.
"""

from collections.abc import Mapping
from typing import get_args

from samplebank.worker.contract import JSON, Assessment

TEXT: JSON = {"type": "string"}
TEXTS: JSON = {"type": "array", "items": TEXT}
NUMBER: JSON = {"type": "integer", "minimum": 0}
WHERE: JSON = {**TEXT, "title": "Where"}


def _table(title: str, required: list[str], properties: dict[str, JSON], description: str = "") -> JSON:
    told: dict[str, JSON] = {"title": title, "type": "array"}
    if description:
        told["description"] = description
    return {**told, "items": {"type": "object", "required": required, "properties": properties}}


FINDINGS: JSON = _table(
    "Findings",
    ["sentence", "weight", "where", "attack", "name"],
    {
        "sentence": {**TEXT, "title": "Finding"},
        "weight": {**NUMBER, "title": "Weight", "maximum": 100},
        "where": WHERE,
        "detail": {**TEXT, "title": "Detail"},
        "attack": {**TEXTS, "title": "ATT&CK"},
        "name": {**TEXT, "title": "Name"},
    },
    "Each kind counts once. A sum below 20 gives no score.",
)
MACROS: JSON = _table(
    "Macros",
    ["name", "kind", "stream", "lines", "size", "autostart", "calls", "sha256"],
    {
        "name": {**TEXT, "title": "Module"},
        "kind": {**TEXT, "title": "Kind"},
        "stream": WHERE,
        "lines": {**NUMBER, "title": "Lines"},
        "size": {**NUMBER, "title": "Characters"},
        "autostart": {**TEXTS, "title": "Runs by itself"},
        "calls": {**TEXTS, "title": "Calls of note"},
        "sha256": {**TEXT, "title": "SHA-256"},
    },
    "The source stands in the evidence macros.vba.",
)
EXCEL4: JSON = {
    "title": "Excel 4 macros",
    "type": "object",
    "required": ["sheets", "names", "cells", "numberOfCells"],
    "properties": {
        "sheets": _table(
            "Sheets",
            ["name", "visibility"],
            {"name": {**TEXT, "title": "Sheet"}, "visibility": {**TEXT, "title": "Shown"}},
        ),
        "names": _table(
            "Names",
            ["name", "refersTo"],
            {"name": {**TEXT, "title": "Name"}, "refersTo": {**TEXT, "title": "Refers to"}},
        ),
        "cells": _table(
            "Cells",
            ["sheet", "cell", "formula"],
            {
                "sheet": {**TEXT, "title": "Sheet"},
                "cell": {**TEXT, "title": "Cell"},
                "formula": {**TEXT, "title": "Formula"},
            },
            "The first cells. The evidence excel4.txt has all.",
        ),
        "numberOfCells": {**NUMBER, "title": "Cells with formulas"},
    },
}
TARGET: JSON = {**TEXT, "title": "Target"}
EXTERNAL: JSON = _table(
    "Relations to the outside",
    ["relation", "target", "reach", "where"],
    {
        "relation": {**TEXT, "title": "Relation"},
        "target": TARGET,
        "reach": {"title": "Reach", "enum": ["web", "share", "moniker", "local"]},
        "where": WHERE,
    },
    "What the document loads or names beyond itself, hyperlinks apart.",
)
ENCRYPTION: JSON = {
    "title": "Encryption",
    "type": "object",
    "required": ["isEncrypted", "isOpened", "method"],
    "properties": {
        "isEncrypted": {"title": "Encrypted", "type": "boolean"},
        "isOpened": {"title": "Opened", "type": "boolean"},
        "method": {**TEXT, "title": "Method"},
        "password": {**TEXT, "title": "Password that opened"},
    },
}
INDICATORS: JSON = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["defanged", "value"],
        "properties": {
            "defanged": {**TEXT, "title": "Indicator"},
            "value": {**TEXT, "title": "As found", "x-hidden": True},
        },
    },
}
IOCS: JSON = {
    "title": "Indicators",
    "description": "What stands in macros, formulas, commands and relations.",
    "type": "object",
    "properties": {
        kind: {**INDICATORS, "title": title}
        for kind, title in {
            "urls": "Addresses of the web",
            "domains": "Domains",
            "ips": "IP addresses",
            "emails": "Mail addresses",
            "wallets": "Wallets",
            "paths": "Paths",
            "registry": "Registry keys",
        }.items()
    },
}
CHILDREN: JSON = _table(
    "Files that became samples",
    ["path", "size", "sha256", "outcome"],
    {
        "path": {**TEXT, "title": "Path"},
        "size": {**NUMBER, "title": "Size", "x-unit": "bytes"},
        "sha256": {**TEXT, "title": "SHA-256"},
        "how": {**TEXT, "title": "How"},
        "outcome": {"title": "Outcome", "enum": ["stored", "known", "refused"]},
        "reason": {**TEXT, "title": "Reason"},
    },
)
SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Documents and shortcuts",
    "type": "object",
    "required": ["format", "findings", "attack", "children", "limits"],
    "properties": {
        "format": {**TEXT, "title": "Format", "description": "other: neither a document nor a shortcut."},
        "findings": FINDINGS,
        "attack": _table(
            "Techniques of MITRE ATT&CK",
            ["technique", "name", "finding"],
            {
                "technique": {**TEXT, "title": "Technique"},
                "name": {**TEXT, "title": "Name"},
                "finding": {**TEXT, "title": "Finding"},
            },
        ),
        "encryption": ENCRYPTION,
        "macros": MACROS,
        "rules": _table(
            "YARA rules that match macros",
            ["rule", "where", "score", "assessment"],
            {
                "rule": {**TEXT, "title": "Rule"},
                "where": WHERE,
                "score": {**NUMBER, "title": "Score", "maximum": 100},
                "assessment": {"title": "Assessment", "enum": list(get_args(Assessment))},
                "description": {"title": "Meaning", "type": ["string", "null"]},
            },
        ),
        "excel4": EXCEL4,
        "dde": _table(
            "Commands by DDE",
            ["how", "command", "where"],
            {"how": {**TEXT, "title": "How"}, "command": {**TEXT, "title": "Command"}, "where": WHERE},
        ),
        "external": EXTERNAL,
        "hyperlinks": _table("Hyperlinks", ["target", "where"], {"target": TARGET, "where": WHERE}),
        "objects": _table(
            "Objects",
            ["class", "where", "how"],
            {"class": {**TEXT, "title": "Class"}, "where": WHERE, "how": {**TEXT, "title": "Kind"}},
        ),
        "scripts": _table(
            "Scripts",
            ["isAutomatic", "size", "text"],
            {
                "isAutomatic": {"title": "Runs by itself", "type": "boolean"},
                "size": {**NUMBER, "title": "Size", "x-unit": "bytes"},
                "text": {**TEXT, "title": "Beginning"},
            },
        ),
        "events": _table(
            "Events",
            ["event", "script", "where"],
            {"event": {**TEXT, "title": "Event"}, "script": {**TEXT, "title": "Script"}, "where": WHERE},
        ),
        "shortcut": {
            "title": "Shortcut",
            "type": "object",
            "properties": {
                "target": TARGET,
                "otherTargets": {
                    "title": "Other targets",
                    "description": "What other parts of the shortcut name. Windows may show one target and start another.",
                    "type": "array",
                    "items": TEXT,
                },
                "arguments": {**TEXT, "title": "Arguments"},
                "icon": {**TEXT, "title": "Icon"},
                "workingFolder": {**TEXT, "title": "Working folder"},
                "description": {**TEXT, "title": "Description"},
                "window": {**TEXT, "title": "Window"},
                "machine": {**TEXT, "title": "Machine"},
                "machineAddress": {**TEXT, "title": "Network card of the machine"},
                "volumeSerial": {**TEXT, "title": "Serial number of the volume"},
                "url": {**TEXT, "title": "Address"},
                "targetSize": {**NUMBER, "title": "Size of the target", "x-unit": "bytes"},
            },
        },
        "metadata": {
            "title": "Metadata",
            "type": "object",
            "properties": {
                "title": {"title": "Title"},
                "creator": {"title": "Author"},
                "lastModifiedBy": {"title": "Last changed by"},
                "company": {"title": "Company"},
                "created": {"title": "Created"},
                "modified": {"title": "Changed"},
                "template": {"title": "Template"},
                "application": {"title": "Program"},
                "revision": {"title": "Revision"},
                "codePage": {"title": "Code page"},
            },
        },
        "iocs": IOCS,
        "totals": {"title": "Entries in all", "type": "object", "additionalProperties": NUMBER},
        "children": CHILDREN,
        "limits": {"title": "Limits met", **TEXTS},
        "problems": {"title": "Damaged parts", **TEXTS},
    },
}
