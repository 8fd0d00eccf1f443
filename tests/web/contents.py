"""Results of the worker `static`."""

from typing import Any


def static_result(**facts: Any) -> dict[str, Any]:
    """A result as the schema of the worker `static` wants results."""
    strings = {"count": 0, "longest": 0, "urls": []}
    return {"format": "pe", "size": 1, "entropy": 1, "strings": strings, "traits": [], **facts}
