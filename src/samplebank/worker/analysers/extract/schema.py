"""The JSON Schema of the result of an extraction, with titles for people."""

from collections.abc import Mapping

from samplebank.worker.contract import JSON

TEXT: JSON = {"type": "string"}
TEXTS: JSON = {"type": "array", "items": TEXT}
NUMBER: JSON = {"type": "integer", "minimum": 0}
FILE: Mapping[str, JSON] = {
    "path": {**TEXT, "title": "Path"},
    "size": {**NUMBER, "title": "Size", "x-unit": "bytes"},
    "sha256": {**TEXT, "title": "SHA-256", "pattern": "^[0-9a-f]{64}$"},
}
SCHEMA: Mapping[str, JSON] = {
    "type": "object",
    "required": ["opened", "members", "children", "listing", "limits", "isEncrypted"],
    "properties": {
        "opened": {
            **TEXTS,
            "title": "Opened as",
            "description": "What opened the sample; empty for a file that holds no other files.",
        },
        "members": {**NUMBER, "title": "Files found", "description": "The files found."},
        "children": {
            "type": "array",
            "title": "Children",
            "description": "The files that became samples, or that a limit of the service kept from becoming samples.",
            "items": {
                "type": "object",
                "required": ["path", "size", "sha256", "outcome"],
                "properties": {
                    **FILE,
                    "how": {**TEXT, "title": "Opened by"},
                    "outcome": {"title": "Outcome", "enum": ["stored", "known", "refused"]},
                    "reason": {**TEXT, "title": "Reason"},
                },
            },
        },
        "listing": {
            "type": "array",
            "title": "Other files",
            "description": "The first files that did not become samples, and why.",
            "items": {
                "type": "object",
                "required": ["path", "size", "why"],
                "properties": {**FILE, "why": {**TEXT, "title": "Why no sample"}},
            },
        },
        "listed": {
            **NUMBER,
            "title": "Number of other files",
            "description": "The files of the whole list.",
        },
        "limits": {**TEXTS, "title": "Limits reached", "description": "The limits that were reached."},
        "isEncrypted": {
            "type": "boolean",
            "title": "Encrypted",
            "description": "Whether a file stayed closed for want of a password.",
        },
        "passwordUsed": {**TEXT, "title": "Password"},
        "problems": {**TEXTS, "title": "Problems", "description": "Damaged parts."},
    },
}
