"""Tasks as Karton keeps them in Redis: JSON, of which the bridge reads a part and keeps the rest as it is."""

import json
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec

from samplebank.karton.errors import KartonError
from samplebank.worker import wire

PREFIX: Final = "karton.task:"
UNROUTED: Final = "karton.tasks"
BINDS: Final = "karton.binds"
RESOURCE: Final = "__karton_resource__"
PRIORITIES: Final = ("high", "normal", "low")
#: lists and objects that stand in each other in a task. Python reads some more, and cannot write all that it reads
DEEPEST: Final = 900
#: the persistent payload by which a task is known to belong to Samplebank
OURS: Final = "samplebank"


class State(StrEnum):
    """The states of Karton's tasks."""

    DECLARED = "Declared"
    SPAWNED = "Spawned"
    STARTED = "Started"
    FINISHED = "Finished"
    CRASHED = "Crashed"


OVER: Final = frozenset({State.FINISHED, State.CRASHED})


class Resource(msgspec.Struct, frozen=True):
    """Bytes that a task names: an object of a bucket. `sha256` is what the sender says."""

    uid: str
    bucket: str | None
    name: str
    sha256: str | None
    size: int | None


class Form(msgspec.Struct, frozen=True):
    """What every task of Karton has. The bridge relies on the types."""

    uid: str
    root_uid: str
    status: State
    headers: dict[str, Any]
    payload: dict[str, Any]
    payload_persistent: dict[str, Any] | None = None
    last_update: float | None = None
    parent_uid: str | None = None
    orig_uid: str | None = None
    priority: str | None = None

    @property
    def words(self) -> tuple[object, ...]:
        """The words that become keys and queues of Redis."""
        return (
            self.uid,
            self.root_uid,
            self.parent_uid,
            self.orig_uid,
            self.priority,
            self.headers.get("receiver"),
        )


class Task:
    """A task with the text that Redis holds. Changes of a task compare the text, so that nobody's change is overwritten."""

    def __init__(self, text: str, raw: dict[str, Any]) -> None:
        self.text = text
        self.raw = raw

    @classmethod
    def of(cls, text: str) -> "Task":
        """Read the text of a task. Raises `KartonError`."""
        try:
            text.encode()  # bytes that are no UTF-8
            raw = decoded(text)
            "".join(map(str, msgspec.convert(raw, Form).words)).encode()
            too_deep = text.count("[") + text.count("{") > DEEPEST and depth_of(raw) > DEEPEST
        except RecursionError:
            too_deep = True
        except ValueError:
            raise KartonError(f"Redis holds a task that is no task of Karton: {text[:100]!r}.") from None
        if too_deep:
            raise KartonError(f"A task is nested too deep to be read: {text[:100]!r}.")
        return cls(text, raw)

    @property
    def uid(self) -> str:
        return str(self.raw["uid"])

    @property
    def root(self) -> str:
        return str(self.raw["root_uid"])

    @property
    def key(self) -> str:
        return PREFIX + self.uid

    @property
    def state(self) -> State:
        return State(self.raw["status"])

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.raw["headers"])

    @property
    def receiver(self) -> str:
        return str(self.headers.get("receiver") or "")

    @property
    def origin(self) -> str:
        """The service that sent the task."""
        return text_of(self.headers.get("origin") or "unknown")

    @property
    def orig_uid(self) -> str:
        """The task before routing: the same for each attempt."""
        return str(self.raw.get("orig_uid") or self.uid)

    @property
    def parent_uid(self) -> str | None:
        return self.raw.get("parent_uid")

    @property
    def last_update(self) -> float:
        """Seconds since 1970 by the clock of the service that wrote the task."""
        return float(self.raw.get("last_update") or 0)

    @property
    def queue(self) -> str:
        priority = self.raw.get("priority") or "normal"
        return f"karton.queue.{priority}:{self.receiver}"

    @property
    def error(self) -> str:
        """The last line of the trace of a crash."""
        told = self.raw.get("error") or []
        lines = "".join(map(str, told if isinstance(told, list) else [told])).strip().splitlines()
        return text_of(lines[-1].strip()) if lines else ""

    @property
    def is_ours(self) -> bool:
        return OURS in (self.raw.get("payload_persistent") or {})

    def payload(self, name: str) -> Any:
        """A value of the payload; persistent values come first, as for the services."""
        persistent = self.raw.get("payload_persistent") or {}
        return persistent[name] if name in persistent else self.raw["payload"].get(name)

    def resource(self, name: str) -> Resource | None:
        return resource_of(self.payload(name))

    def resources(self) -> Iterator[Resource]:
        """All resources, wherever they stand in the payload."""
        yield from _resources([self.raw["payload"], self.raw.get("payload_persistent")])

    def moved(self, state: State, error: str | None = None) -> str:
        """The text of the task in another state."""
        changes = {"status": state.value, "last_update": time.time()}
        return encoded({**self.raw, **changes, **({"error": [error]} if error else {})})

    def again(self) -> "Task":
        """The task as a new task for the same service, as the dashboard of Karton restarts a task."""
        uid = f"{{{self.root}}}:{uuid4()}"
        new = {"uid": uid, "status": State.SPAWNED.value, "last_update": time.time(), "error": None}
        raw = {**self.raw, **new}
        return Task(encoded(raw), raw)


def depth_of(value: object) -> int:
    """How many lists and objects stand in each other."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def text_of(value: object) -> str:
    """A word of a service. Python keeps bytes of a name that are no UTF-8 as halves of surrogate pairs, which no JSON holds."""
    return wire.storable(str(value))


def resource_of(value: object) -> Resource | None:
    """Read a value of a payload that may be a resource."""
    if not isinstance(value, dict) or not isinstance(value.get(RESOURCE), dict):
        return None
    told = value[RESOURCE]
    metadata = told.get("metadata") if isinstance(told.get("metadata"), dict) else {}
    sha256, size = told.get("sha256") or metadata.get("sha256"), told.get("size")
    return Resource(
        uid=str(told.get("uid") or ""),
        bucket=None if told.get("bucket") is None else text_of(told["bucket"]),
        name=text_of(told.get("name") or ""),
        sha256=str(sha256).lower() if sha256 else None,
        size=size if isinstance(size, int) else None,
    )


def _resources(value: object) -> Iterator[Resource]:
    pending = [value]
    while pending:
        value = pending.pop()
        if (found := resource_of(value)) is not None:
            yield found
        elif isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def decoded(text: str) -> Any:
    """JSON as Python writes JSON: services may tell of NaN, and of integers of any length. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def encoded(raw: Mapping[str, Any]) -> str:
    return json.dumps(raw)


def root_of(task_id: str) -> str:
    """The root of the analysis of a task of Samplebank. Follows from the task, so the next to claim the task finds the analysis."""
    return str(uuid5(NAMESPACE_URL, f"samplebank:task:{task_id}"))


def name_of_copy(root: str) -> str:
    """The name of the sample in the bucket of Karton. Follows from the analysis, so a second attempt brings the same object."""
    return str(uuid5(NAMESPACE_URL, f"samplebank:sample:{root}"))


def first_task(
    root: str, about: Mapping[str, str], sample: Mapping[str, Any], headers: Mapping[str, str]
) -> Task:
    """The task with which an analysis begins. `about` goes along with every task that comes from it."""
    persistent = {OURS: dict(about), "__headers_persistent": dict(headers)}
    raw = {
        "uid": f"{{{root}}}:{uuid5(NAMESPACE_URL, f'samplebank:first:{root}')}",
        "root_uid": root,
        "parent_uid": None,
        "orig_uid": None,
        "status": State.DECLARED.value,
        "priority": "normal",
        "last_update": time.time(),
        "payload": {"sample": {RESOURCE: dict(sample)}},
        "payload_persistent": persistent,
        "headers": {"type": "sample", "kind": "raw", "origin": "karton.samplebank", **headers},
        "headers_persistent": dict(headers),
        "error": None,
    }
    return Task(encoded(raw), raw)
