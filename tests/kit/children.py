"""Children of samples, as a worker brings them: `found.add(data, path="a.exe")`."""

import hashlib
import secrets
from copy import copy
from typing import Any

import requests

from kit.bank import ROBOT, V2, Bank, Sample, eventually, name_of


class Parent:
    """A sample with a claimed task of a worker that opens containers."""

    def __init__(
        self, bank: Bank, user: str = "mia", claimant: str = ROBOT, worker: str = "", **fields: Any
    ) -> None:
        self.bank, self.claimant = bank, claimant
        self.worker = worker or bank.workers(1)[0]
        self.sample, self.job, tasks = bank.planned(self.worker, user=user, **fields)
        self.task = tasks[self.worker]
        (self.claim,) = bank.claim(self.worker, claimant)

    def send(self, data: bytes, *, lease: str = "", user: str = "", **query: str) -> requests.Response:
        query = {"path": "inner/file.bin", "fileName": "file.bin", "version": "1.0", **query}
        return self.bank.call(
            "POST",
            f"/samplebank/v1/job/{self.job}/task/{self.task}/child",
            user or self.claimant,
            params=query,
            data=data,
            headers={"Samplebank-Lease": lease or self.claim["leaseToken"]},
        )

    def add(self, data: bytes, **query: str) -> dict[str, Any]:
        """Store a child; what became of the child."""
        receipt: dict[str, Any] = self.bank.data(self.send(data, **query))
        return receipt

    def found(self, data: bytes) -> "Parent":
        """A child as a parent: the job of the child has a claimed task of a worker of its own."""
        found = copy(self)
        (found.worker,) = self.bank.workers(1)
        receipt = self.add(data, path=planned_path(self.bank, found.worker))
        found.sample, found.job = Sample(data=data), receipt["jobID"]
        found.task = self.bank.tasks_of(found.job)[found.worker]
        (found.claim,) = self.bank.claim(found.worker, self.claimant)
        return found

    def judged(self, score: int = -1, **fields: Any) -> None:
        """End the task of the parent's own worker with an analysis."""
        analysis = self.bank.analyse(self.sample, self.worker, score, **fields)
        self.bank.data(self.bank.update(self.job, self.task, "success", analyses=[analysis]))

    def ended(self) -> dict[str, Any]:
        """The verdict of the parent's job, when the job has ended."""
        assert eventually(lambda: self.bank.job(self.job)["state"] == "done")
        verdict: dict[str, Any] = self.bank.verdicts_of(self.sample)[0]
        return verdict

    def findings(self) -> list[dict[str, Any]]:
        """The analyses of the worker `children` about the parent, the newest first."""
        analyses = self.bank.data(self.bank.get(f"{self.sample.path}/analysis", "mia", limit=0))
        return [one for one in analyses if one["userAgent"]["name"] == "children"]

    def finding(self) -> dict[str, Any]:
        """The only analysis of the worker `children` about the parent."""
        (found,) = self.findings()
        return found

    def links(self, user: str = "mia") -> list[tuple[str, str]]:
        return links_of(self.bank, self.sample, user)


def links_of(bank: Bank, sample: Sample, user: str = "mia") -> list[tuple[str, str]]:
    """(type, SHA-256 of the other sample) of each link, the oldest first."""
    rows = bank.data(bank.get(f"{sample.path}/link", user, limit=0))
    return [(row["type"], row.get("referencedSample", {}).get("sha256", "")) for row in reversed(rows)]


def planned_path(bank: Bank, *workers: str) -> str:
    """A path: exactly these workers analyse a child with the path."""
    path = name_of("path")
    match = {"submission": {"metaDataKey": ["extractionPath"], "metaDataValue": [path]}}
    rule = {"name": path, "description": "", "match": match, "action": {"workers": {"set": list(workers)}}}
    bank.data(bank.post(f"{V2}/policy/default/rule", rule))
    return path


def some_bytes() -> bytes:
    """Bytes that no other test has."""
    return name_of("child").encode() + secrets.token_bytes(100)


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
