"""Readers of the feed die between pages, and the service meanwhile: no promise is missed, and each sample's events are in order."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
from bench.service import Service

from drill import faults
from drill.installations import installed
from drill.restarts import BETWEEN, SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from drill.told import Told
from samplebank.rehearsal.load import Load, wholeness

FEED = "/samplebank/v1/feed"
#: seconds in which a reader has to get the last promise, and seconds between attempts while the service does not answer
PATIENCE, PAUSE = 60.0, 0.1
#: pages after which a reader forgets the latest page, on average
LIVES = 5
BLOWS = (faults.kill_web_twice, faults.kill_postmaster, faults.kill_housekeeper)


def run(folder: Path, rounds: int) -> Iterator[Row]:
    with installed(folder, SETTINGS) as service:
        service.start()
        with Reader(service) as reader:
            kills, whole = 0, list[float | None]()
            with Load(service.url, service.key) as load:
                for blow in itertools.islice(itertools.cycle(BLOWS), rounds):
                    time.sleep(BETWEEN)
                    kills += blow(service)
                    whole.append(wholeness(service.url, WHOLE))
            names = {promise.file_name for promise in load.promises}
            missed = reader.await_all(names)
        seen = f"{len(names):,} promised, {missed} missed, {reader.told.out_of_order} out of order, {reader.told.changed} with another id; {reader.deaths} deaths"
        goal = "0 missed, 0 out of order per sample, repeats with the same id only"
        toll = Toll(kills, (rounds + 1) // len(BLOWS), promised=len(names), lost=missed) + came_back(whole)
        is_met = not toll.away + missed + reader.told.out_of_order + reader.told.changed
        yield Row("readers of the feed and the service under them killed", rounds, goal, seen, is_met, toll)


class Reader:
    """Reads the feed page by page. A reader that dies has done its work, and has not stored the cursor."""

    def __init__(self, service: Service) -> None:
        self._url = service.url
        self._headers = {"Argus-API-Key": service.key}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._chance = random.Random(1)  # noqa: S311 no secret
        self.told = Told()
        self.deaths = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def await_all(self, names: set[str]) -> int:
        """Wait for the submissions with these file names; how many have not come."""
        end = time.monotonic() + PATIENCE
        while (missed := self.told.missed(names)) and time.monotonic() < end:
            time.sleep(PAUSE)
        return missed

    def _work(self) -> None:
        cursor: str | None = None
        while not self._stopping.is_set():
            try:
                asked: dict[str, str | int] = {"wait": 1, "limit": self._chance.choice((1, 10, 1000))}
                answer = httpx.get(
                    self._url + FEED,
                    params=asked if cursor is None else {**asked, "after": cursor},
                    headers=self._headers,
                    timeout=30,
                )
                answer.raise_for_status()
            except httpx.HTTPError:
                self._stopping.wait(PAUSE)
                continue
            told = answer.json()
            for event in told["data"]:
                self.told.take(event)
            if told["data"] and self._chance.randrange(LIVES) == 0:
                self.deaths += 1
            else:
                cursor = told["metaData"]["next"]
