"""What the service tells of deletions: the answers, and the questions of the commands."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec

from samplebank.cli.answers import Envelope, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.patience import LONGEST_ABSENCE, patiently
from samplebank.receipts import Receipt

FINAL: Final = frozenset({"done", "failed", "aborted"})
#: seconds between two looks at a deletion
PAUSE: Final = 0.5


class Preview(Shown, frozen=True):
    """What a deletion would take, as far as the caller sees."""

    sha256: str
    size: int
    submissions: int
    jobs: int
    analyses: int
    evidence: int
    evidence_bytes: int
    links: int
    notes: int
    facts: int
    children: int
    children_bytes: int


class Opened(Shown, frozen=True):
    correlation_id: str = msgspec.field(name="correlationID")


class TaskMessage(Shown, frozen=True):
    message: str


class Task(Shown, frozen=True):
    state: str
    response_messages: Sequence[TaskMessage] = ()

    @property
    def said(self) -> str:
        return " ".join(one.message for one in self.response_messages) or f"The task is {self.state}."


class PublicKey(Shown, frozen=True):
    id: str
    public_key: str


def preview(client: Client, sha256: str) -> Preview:
    return client.ask(Envelope[Preview], _path(sha256) + "/deletion", api=EXTENSIONS).data


def delete(client: Client, sha256: str) -> str:
    """Ask for a deletion; answers the correlation id of the task."""
    return client.end(Envelope[Opened], _path(sha256)).data.correlation_id


def await_end(client: Client, correlation_id: str) -> Task:
    """Wait for the end of a deletion, however long the deletion takes. A restart of the service is waited for."""
    wanted = {"correlationID": [correlation_id]}
    search = partial(client.ask, Envelope[list[Task]], "/servicetask/search", body=wanted)
    while True:
        found = patiently(search, longest=LONGEST_ABSENCE).data
        if found and all(task.state in FINAL for task in found):
            return found[0]
        time.sleep(PAUSE)


def receipts(client: Client, **wanted: str | int) -> list[Receipt]:
    return client.ask(Envelope[list[Receipt]], "/receipts", api=EXTENSIONS, params=wanted).data


def public_keys(client: Client) -> list[PublicKey]:
    return client.ask(Envelope[list[PublicKey]], "/receipts/keys", api=EXTENSIONS).data


def shown(receipt: Receipt) -> Mapping[str, Any]:
    found: Mapping[str, Any] = msgspec.to_builtins(receipt)
    return found


def _path(sha256: str) -> str:
    return f"/sample/{quote(sha256, safe='')}"
