"""A real Karton beside a real service, and bridges between the two."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from bench.karton import Karton

from kit.bank import CHIEF, ROBOT, V2, Bank, Sample, eventually
from kit.children import links_of
from kit.service import PROGRAM, Service
from kit.wire import Wire, wire
from samplebank.jobs.waiting import CHILDREN

WORKER, STAGED = "karton", "staged"
STAGED_SERVICE = Path(__file__).with_name("staged_karton.py")
#: the head of a program for Linux
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00" + bytes(40)


def program() -> bytes:
    """A program of its own."""
    return ELF + secrets.token_bytes(200)


def staged(word: str, argument: str = "-") -> bytes:
    """A sample that tells the staged service what to do."""
    return f"#staged {word} {argument} {secrets.token_hex(8)}".encode()


class Bridge:
    """`samplebank karton` as a process, that can be killed and started again."""

    def __init__(self, folder: Path, service: Service, karton: Karton, line: Wire) -> None:
        """The bridge reaches the bucket over a line of its own."""
        self.log = folder / "bridge.log"
        config = folder / "karton.ini"
        config.write_text(karton.config.read_text().replace(karton.s3.url, line.url))
        self.command = [*PROGRAM, "karton", "--config", str(config)]
        keys = {"SAMPLEBANK_URL": service.url, "SAMPLEBANK_KEY": service.keys[ROBOT]}
        self.environment = {**service.environment, **keys}
        self._chief = {**self.environment, "SAMPLEBANK_KEY": service.keys[CHIEF]}
        self._process: subprocess.Popen[bytes] | None = None

    def register(self) -> str:
        done = subprocess.run(
            [*self.command, "--register"], env=self._chief, capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self) -> "Bridge":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Kartons:
    """The analyses of the worker `karton`, as users see them. Children go to Karton, too, if nobody stops them."""

    def __init__(self, bank: Bank, karton: Karton, bridge: Bridge, line: Wire) -> None:
        self.bank, self.karton, self.bridge, self.line = bank, karton, bridge, line
        self.plan = bank.plan(WORKER)

    def submit(self, data: bytes, user: str = "mia", **fields: Any) -> Sample:
        sample = Sample(data=data)
        self.bank.submit(sample, user, metaData=self.plan, **fields)
        return sample

    def task(self, sample: Sample) -> dict[str, Any]:
        """The task of the newest job of a sample."""
        job = self.bank.jobs_of(sample, sortBy=["-enqueuedTimestamp"])[0]
        return self.bank.task(job["id"], self.bank.tasks_of(job["id"])[WORKER])

    def ended(self, sample: Sample) -> dict[str, Any]:
        """The task when it has ended."""
        assert eventually(lambda: self.task(sample).get("endTimestamp")), self.bridge.said()[-3000:]
        return self.task(sample)

    def analyses(self, sample: Sample) -> dict[str, dict[str, Any]]:
        """The analyses of a sample by the name of the service of Karton, each of which has one."""
        found = self.bank.data(self.bank.get(f"{sample.path}/analysis", CHIEF, limit=0))
        names = [one["userAgent"]["name"] for one in found]
        assert len(names) == len(set(names)), names
        # Samplebank itself weighs the children of a sample, some time after the analysis.
        return {one["userAgent"]["name"]: one for one in found if one["userAgent"]["name"] != CHILDREN}

    def account(self, sample: Sample) -> dict[str, Any]:
        """What the bridge tells of the analysis of a sample."""
        account: dict[str, Any] = self.analyses(sample)[WORKER]["analysisResult"]
        return account

    def links(self, sample: Sample) -> list[tuple[str, str]]:
        return sorted(links_of(self.bank, sample))

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.karton.redis.port, decode_responses=True)


@contextmanager
def kartons_of(folder: Path, service: Service, bank: Bank, karton: Karton) -> Iterator[Kartons]:
    """A bridge, with policies: what mia submits with a plan goes to Karton, and so do the children that Karton finds."""
    with wire(karton.s3.port) as line:
        bridge = Bridge(folder, service, karton, line)
        bridge.register()
        _add_rule(bank)
        bridge.start()
        try:
            yield Kartons(bank, karton, bridge, line)
        finally:
            bridge.kill()


def _add_rule(bank: Bank) -> None:
    """Children that Karton finds are for Karton, too."""
    match = {"submission": {"metaDataKey": ["extractionHow"], "metaDataValue": ["karton.archive-extractor"]}}
    action = {"workers": {"set": [WORKER]}}
    rule = {"name": "children of Karton", "description": "", "match": match, "action": action}
    bank.data(bank.post(f"{V2}/policy/default/rule", rule))
