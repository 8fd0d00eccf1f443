"""A claimed task, and its end."""

from copy import copy
from typing import Any

import requests

from kit.bank import ROBOT, Bank


class Claimed:
    """A claimed task of a new worker. The job has a task of another worker, too, unless the job is `alone`."""

    def __init__(self, bank: Bank, *, alone: bool = True, claimant: str = ROBOT, **of_worker: Any) -> None:
        self.bank = bank
        self.claimant = claimant
        self.worker = bank.worker(**of_worker)["shortName"]
        others = [] if alone else bank.workers(1)
        self.sample, self.job, self.tasks = bank.planned(self.worker, *others)
        self.id = self.tasks[self.worker]
        (self.claim,) = bank.claim(self.worker, claimant)

    def other(self) -> "Claimed":
        """The other task of the job, claimed as well."""
        other = copy(self)
        (other.worker,) = set(self.tasks) - {self.worker}
        other.id = self.tasks[other.worker]
        (other.claim,) = self.bank.claim(other.worker, self.claimant)
        return other

    def analysis(self, **fields: Any) -> dict[str, Any]:
        agent = {"name": self.worker, "version": "1.0"}
        plain = {"analysisResult": {"size": 7}, "analysisScore": 80, "customer": "mill", "tlp": "amber"}
        return {**plain, "userAgent": agent, **fields}

    def end(self, user: str | None = None, lease: str = "", **fields: Any) -> requests.Response:
        body = {"leaseToken": lease or self.claim["leaseToken"], "analysis": self.analysis(**fields)}
        path = f"/samplebank/v1/job/{self.job}/task/{self.id}/result"
        return self.bank.post(path, body, user or self.claimant)

    def now(self) -> dict[str, Any]:
        return self.bank.task(self.job, self.id)

    def analyses(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.bank.data(self.bank.get(f"{self.sample.path}/analysis"))
        return found

    def is_untouched(self) -> bool:
        """Whether the task is held by its claimant, and has nothing to show."""
        return (self.bank.heartbeat(self.claim, self.claimant).status_code, self.analyses()) == (200, [])
