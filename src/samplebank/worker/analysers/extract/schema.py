"""The JSON Schema of the result of an extraction."""

from collections.abc import Mapping

from samplebank.worker.contract import JSON

TEXTS: JSON = {"type": "array", "items": {"type": "string"}}
SHA256: JSON = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SCHEMA: Mapping[str, JSON] = {
    "type": "object",
    "required": ["opened", "members", "children", "listing", "limits", "isEncrypted"],
    "properties": {
        "opened": {
            **TEXTS,
            "description": "What opened the sample; empty for a file that holds no other files.",
        },
        "members": {"type": "integer", "minimum": 0, "description": "The files found."},
        "children": {
            "type": "array",
            "description": "The files that became samples, or that a limit of the service kept from becoming samples.",
            "items": {
                "type": "object",
                "required": ["path", "size", "sha256", "outcome"],
                "properties": {
                    "path": {"type": "string"},
                    "size": {"type": "integer", "minimum": 0},
                    "sha256": SHA256,
                    "how": {"type": "string"},
                    "outcome": {"enum": ["stored", "known", "refused"]},
                    "reason": {"type": "string"},
                },
            },
        },
        "listing": {
            "type": "array",
            "description": "The first files that did not become samples, and why.",
            "items": {
                "type": "object",
                "required": ["path", "size", "why"],
                "properties": {
                    "path": {"type": "string"},
                    "size": {"type": "integer", "minimum": 0},
                    "sha256": SHA256,
                    "why": {"type": "string"},
                },
            },
        },
        "listed": {"type": "integer", "minimum": 0, "description": "The files of the whole list."},
        "limits": {**TEXTS, "description": "The limits that were reached."},
        "isEncrypted": {
            "type": "boolean",
            "description": "Whether a file stayed closed for want of a password.",
        },
        "passwordUsed": {"type": "string"},
        "problems": {**TEXTS, "description": "Damaged parts."},
    },
}
