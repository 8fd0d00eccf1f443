"""The feed as a reader follows the feed: page by page, or as a stream."""

import json
from collections.abc import Iterator
from typing import Any, Self

import requests

from kit.bank import PATIENCE, Bank, Sample

PATH = "/samplebank/v1/feed"
Event = dict[str, Any]
#: the types of the events of a sample whose job has ended
ENDED = ["submission.stored", "job.opened", "job.ended", "verdict.settled"]


def finished(bank: Bank, score: int = 0, user: str = "mia", **fields: Any) -> tuple[Sample, str]:
    """A sample whose job has ended: (the sample, the analysis)."""
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker, user=user, **fields)
    analysis = bank.analyse(sample, worker, score)
    bank.data(bank.update(job, tasks[worker], "success", analyses=[analysis]))
    return sample, analysis


def latest(bank: Bank, user: str) -> str:
    """The cursor for what happens from now on."""
    answer = bank.get(PATH, user, after="latest")
    assert answer.status_code == 200, answer.text
    cursor: str = answer.json()["metaData"]["next"]
    return cursor


def types_of(events: list[Event], sample: Sample) -> list[str]:
    return [
        event["type"].removeprefix("samplebank.") for event in events if event["subject"] == sample.sha256
    ]


class Follower:
    """A reader that asks for page after page. `events` are all that have come."""

    def __init__(self, bank: Bank, user: str, **parameters: Any) -> None:
        self.bank = bank
        self.user = user
        self.parameters = parameters
        self.cursor = latest(bank, user)
        self.events: list[Event] = []

    def page(self, wait: int = 0) -> list[Event]:
        answer = self.bank.get(PATH, self.user, after=self.cursor, wait=wait, **self.parameters)
        assert answer.status_code == 200, answer.text
        self.cursor = answer.json()["metaData"]["next"]
        page: list[Event] = answer.json()["data"]
        self.events += page
        return page

    def until(self, sample: Sample, type_: str) -> list[Event]:
        """Read on until an event of this type about the sample has come; all events about the sample."""
        for _ in range(30):
            if type_ in types_of(self.events, sample):
                return [event for event in self.events if event["subject"] == sample.sha256]
            self.page(wait=2)
        raise AssertionError(f"{self.user} was told of {types_of(self.events, sample)}, not of {type_}")


class EventStream:
    """A stream of events: `with EventStream(bank, "mia") as stream: stream.next()`."""

    def __init__(self, bank: Bank, user: str, after: str = "latest", **headers: str) -> None:
        key = headers.pop("key", None) or bank.keys[user]
        self._response = requests.get(
            bank.url + PATH,
            params={"after": after},
            headers={"Argus-API-Key": key, "Accept": "text/event-stream", **headers},
            stream=True,
            timeout=PATIENCE,
        )
        self._lines = self._response.iter_lines(chunk_size=None)

    def __enter__(self) -> Self:
        assert self._response.status_code == 200, self._response.text
        assert next(self.blocks()) == {"retry": "3000"}
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def blocks(self) -> Iterator[dict[str, str]]:
        """What is sent, block by block, until the stream ends."""
        block: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.decode().partition(": ")
                block[name] = value
            elif block:
                yield block
                block = {}

    def next(self) -> tuple[str, Event]:
        """The next event, with its cursor."""
        for block in self.blocks():
            if "data" in block:
                event: Event = json.loads(block["data"])
                assert block["event"] == event["type"]
                return block["id"], event
        raise AssertionError("The stream has ended.")
