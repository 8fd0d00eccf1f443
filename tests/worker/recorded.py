"""What a worker asks for over HTTP."""

from typing import Any

from samplebank.worker import wire
from samplebank.worker.contract import Result


def requested(**fields: Any) -> dict[str, Any]:
    return wire.analysis_request(
        Result(**fields), customer="acme", tlp="amber", agent={"name": "a", "version": "1"}
    )
