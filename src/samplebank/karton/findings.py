"""Reads what a task of Karton tells about a sample, as the common reporter of Karton reads the same tasks."""

import re
from typing import Any, Final

import msgspec

from samplebank.karton.errors import Misreported
from samplebank.karton.tasks import Resource, Task, resource_of, text_of
from samplebank.worker import wire

#: what the bridge is bound to: the filters of the common reporter
FILTERS: Final = (
    {"type": "sample", "stage": "recognized"},
    {"type": "sample", "stage": "analyzed"},
    {"type": "sample", "stage": "unrecognized"},
    {"type": "config"},
    {"type": "blob"},
)
SHA256: Final = re.compile(r"[0-9a-f]{64}")
#: headers that tell what a sample was recognized as
RECOGNIZED: Final = ("kind", "platform", "extension", "mime")
#: characters of the text of a blob that are kept
MOST_BLOB: Final = 64 * 1024


class ChildFound(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that a service found, and the outcome: `stored`, `known` or `refused` with the bound that was reached."""

    parent: str
    path: str
    size: int
    service: str
    version: str
    outcome: str
    reason: str | None = None


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one task tells about one sample. `problem` is a sentence about a task that was not taken."""

    sample: str
    service: str
    version: str
    type: str
    tags: list[str] = []
    attributes: dict[str, list[Any]] = {}
    comments: list[str] = []
    recognized: dict[str, str] = {}
    family: str | None = None
    config: Any = None
    blob: dict[str, str] = {}
    child: ChildFound | None = None
    problem: str | None = None


class Subject(msgspec.Struct, frozen=True):
    """The sample that a task is about, and the parent where the task brings a child."""

    sha256: str
    bytes: Resource | None = None
    parent: str | None = None


def subject_of(task: Task) -> Subject:
    """Find what a task is about. Raises `Misreported`."""
    if str(task.headers.get("type")) in {"config", "blob"}:
        named = next((task.payload(name) for name in ("parent", "sample") if task.payload(name)), None)
        return Subject(_digest(task, named))
    sample = task.resource("sample")
    sha256 = _digest(task, task.payload("sample"))
    parent = None if task.payload("parent") is None else _digest(task, task.payload("parent"))
    return Subject(sha256, sample, None if parent == sha256 else parent)


def read(task: Task, sample: str, version: str) -> Finding:
    """Read what a task tells about a sample. Parts of an unknown form are left out."""
    headers = task.headers
    finding = Finding(
        sample=sample,
        service=task.origin,
        version=version,
        type=text_of(headers.get("type")),
        tags=[text_of(tag) for tag in _list(task.payload("tags"))],
        attributes=_attributes(task.payload("attributes")),
        comments=[text_of(one) for one in _list(task.payload("comments") or task.payload("additional_info"))],
    )
    match finding.type:
        case "config":
            return _with_config(finding, task)
        case "blob":
            blob = {
                "name": text_of(task.payload("name") or "blob"),
                "kind": text_of(headers.get("kind")),
                "content": text_of(task.payload("content"))[:MOST_BLOB],
            }
            return msgspec.structs.replace(finding, blob=blob)
        case _ if headers.get("stage") == "recognized":
            told = {name: text_of(headers[name]) for name in RECOGNIZED if headers.get(name)}
            return msgspec.structs.replace(finding, recognized=told)
    return finding


def _with_config(finding: Finding, task: Task) -> Finding:
    config = task.payload("config")
    told = config if isinstance(config, dict) else {}
    family = task.headers.get("family") or told.get("family") or told.get("type") or "unknown"
    return msgspec.structs.replace(finding, family=text_of(family), config=wire.json_value(config))


def problem_of(task: Task, sample: str, version: str, sentence: str) -> Finding:
    """A task that is not taken, with the reason."""
    told = f"A task of {task.origin} is not taken: {sentence}"
    return Finding(sample=sample, service=task.origin, version=version, type="problem", problem=told)


def _digest(task: Task, value: object) -> str:
    resource = resource_of(value)
    sha256 = resource.sha256 if resource else str(value).lower() if isinstance(value, str) else None
    if sha256 is None or not SHA256.fullmatch(sha256):
        raise Misreported(f"{task.headers.get('type')!r} names no sample by its SHA-256.")
    return sha256


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _attributes(value: object) -> dict[str, list[Any]]:
    told = value if isinstance(value, dict) else {}
    return {
        text_of(name): wire.json_value(values if isinstance(values, list) else [values])
        for name, values in told.items()
        if name != "karton"
    }
