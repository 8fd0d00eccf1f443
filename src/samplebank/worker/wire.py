"""Makes of an analyser's words, which may quote a hostile sample, what the interface accepts."""

import math
import re
from typing import Any

from samplebank.worker.contract import JSON, NO_FINDINGS, Evidence, Result

# The patterns of AnalysisAddRequest and of evidence file names, inverted; \w is taken as ASCII, as the strictest reader does.
NOT_IN_TEXT = re.compile(r"""[^\s\w{}$\-().\[\]"'_/\\,*+#:@!?;=]""", re.ASCII)
NOT_IN_FILE_NAME = re.compile(r"[^a-zA-Z0-9_:\-.]")
# PostgreSQL's jsonb has no NUL, and UTF-8 has no lone surrogates.
NOT_IN_JSON = re.compile("[\0\ud800-\udfff]")
NOT_A_MIME_TYPE = re.compile(r"[^a-zA-Z0-9!#$&^_.+/;= -]")

MOST_CHARACTERS = 200
MOST_TAGS = 100
MOST_DETECTIONS = 1000
DEEPEST_JSON = 50
BEST_SCORE = 100


def analysis_request(result: Result, *, customer: str, tlp: str, agent: dict[str, str]) -> dict[str, JSON]:
    """Phrase a result as an AnalysisAddRequest."""
    tags = dict.fromkeys((tag.type, text(tag.value)) for tag in result.tags)
    request: dict[str, JSON] = {
        "analysisResult": json_value(result.result),
        "analysisScore": min(max(result.score, NO_FINDINGS), BEST_SCORE),
        "customer": customer,
        "tlp": tlp,
        "userAgent": agent,
        "tags": [{"type": kind, "value": value} for kind, value in tags if value][:MOST_TAGS],
        "triggeredDetections": [
            {"name": text(detection.name), "assessment": detection.assessment}
            for detection in result.detections[:MOST_DETECTIONS]
        ],
    }
    if result.possible_detections is not None:
        request["possibleDetections"] = result.possible_detections
    if result.profile is not None:
        request["profile"] = text(result.profile)
    if result.status_override is not None:
        request["verdictStatusOverride"] = result.status_override
    return request


def text(value: str) -> str:
    return NOT_IN_TEXT.sub("_", value).strip()[:MOST_CHARACTERS]


def file_name(evidence: Evidence) -> str:
    name = NOT_IN_FILE_NAME.sub("_", evidence.file_name)[-MOST_CHARACTERS:]
    # "." and ".." are not names in a URL
    return name if name.strip(".") else "evidence"


def mime_type(evidence: Evidence) -> str:
    cleaned = NOT_A_MIME_TYPE.sub("", evidence.mime_type)[:MOST_CHARACTERS]
    return cleaned if "/" in cleaned else "application/octet-stream"


def json_value(value: Any, depth: int = 0) -> JSON:
    """Copy a JSON value without what a database cannot keep."""
    if depth > DEEPEST_JSON:
        return None
    match value:
        case str():
            return NOT_IN_JSON.sub("\ufffd", value)
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {
                NOT_IN_JSON.sub("\ufffd", str(key)): json_value(item, depth + 1)
                for key, item in value.items()
            }
        case list() | tuple():
            return [json_value(item, depth + 1) for item in value]
        case _:
            return value
