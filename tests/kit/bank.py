"""The service as users see the service: `bank.submit(sample, user="mia")`, `bank.finish(job, task)`."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import requests

T = TypeVar("T")
CHIEF = "chief"
ROBOT = "robot"
V2 = "/sampledb/v2"
AGENT = {"name": "tests", "version": "1.0"}


def name_of(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


#: the first bytes of a type that leaves no doubt, so that nobody asks the model, which is slow
FIRM = b"GIF89a"


class Sample:
    """Bytes of no other test."""

    def __init__(self, size: int = 5000, data: bytes | None = None) -> None:
        self.data = (FIRM + secrets.token_bytes(size))[:size] if data is None else data
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    @property
    def path(self) -> str:
        return f"{V2}/sample/{self.sha256}"


#: seconds that an answer may take on a very busy machine; a test that goes well waits for the answer only
PATIENCE = 60.0


def eventually(probe: Callable[[], T], timeout: float = PATIENCE) -> T:
    """Ask until the answer is true, more and more seldom; the last answer in the end."""
    end = time.monotonic() + timeout
    pause = 0.02
    while not (found := probe()) and time.monotonic() < end:
        time.sleep(pause)
        pause = min(1.3 * pause, 0.2)
    return found


def later(moment: int) -> int:
    """The next millisecond by the clock."""
    while (now := time.time_ns() // 1_000_000) <= moment:
        pass
    return now


def together(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make the calls at the same time; the results in order."""
    waiting = list(calls)
    with ThreadPoolExecutor(len(waiting)) as pool:
        return [future.result() for future in [pool.submit(call) for call in waiting]]


def fields_of(response: requests.Response) -> set[str]:
    """The fields named in a refusal."""
    return {message["field"] for message in response.json()["messages"] if message.get("field")}


class Bank:
    """A running service and the keys of the users."""

    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        self.url = url
        self.keys = keys
        self._session = requests.Session()
        self._session.trust_env = False  # else the client looks for proxies and passwords at each request
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def call(self, method: str, path: str, user: str | None = CHIEF, **more: Any) -> requests.Response:
        headers = dict(more.pop("headers", None) or {})
        if user is not None:
            headers.setdefault("Argus-API-Key", self.keys[user])
        return self._session.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path: str, user: str | None = CHIEF, **parameters: Any) -> requests.Response:
        return self.call("GET", path, user, params=parameters)

    def post(self, path: str, body: Any = None, user: str | None = CHIEF) -> requests.Response:
        return self.call("POST", path, user, json=body)

    def put(self, path: str, body: Any = None, user: str | None = CHIEF) -> requests.Response:
        return self.call("PUT", path, user, json=body)

    def delete(self, path: str, user: str | None = CHIEF) -> requests.Response:
        return self.call("DELETE", path, user)

    def data(self, response: requests.Response) -> Any:
        assert response.status_code < 300, f"{response.status_code} {response.text[:500]}"
        return response.json()["data"]

    # -- samples and submissions

    def upload(self, sample: Sample, user: str = "mia") -> requests.Response:
        return self.call("POST", f"{V2}/sample", user, data=sample.data)

    def token(self, sample: Sample, user: str = "mia") -> dict[str, str]:
        token: dict[str, str] = self.data(self.upload(sample, user))["challenge"]
        return token

    def submission_body(self, token: Mapping[str, str], **fields: Any) -> dict[str, Any]:
        return {"challengeToken": token, "fileName": name_of("file"), "userAgent": AGENT, **fields}

    def submit(
        self, sample: Sample | None = None, user: str = "mia", *, lane: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Upload and submit; the stored submission."""
        sample = sample or Sample()
        body = self.submission_body(self.token(sample, user), **fields)
        headers = {"Samplebank-Lane": lane} if lane else {}
        response = self.call("POST", f"{sample.path}/submission", user, json=body, headers=headers)
        assert response.status_code == 201, response.text[:500]
        submission: dict[str, Any] = response.json()["data"]
        return submission

    def submitted(self, user: str = "mia", **fields: Any) -> Sample:
        sample = Sample()
        self.submit(sample, user, **fields)
        return sample

    def classified(self) -> Sample:
        """A submitted sample that has its type."""
        sample = self.submitted()
        assert eventually(lambda: self.data(self.get(f"{sample.path}/classification")))
        return sample

    # -- workers and jobs

    def worker(self, **fields: Any) -> dict[str, Any]:
        name = fields.pop("shortName", None) or name_of("w")
        body = {
            "shortName": name,
            "localizedNames": {"english": name},
            "localizedDescriptions": {"english": name},
            **fields,
        }
        worker: dict[str, Any] = self.data(self.post(f"{V2}/worker", body))
        return worker

    def workers(self, count: int) -> list[str]:
        return [self.worker()["shortName"] for _ in range(count)]

    def plan(self, *workers: str, options: list[dict[str, str]] | None = None) -> dict[str, str]:
        """Submission metadata for an analysis by exactly these workers."""
        key, value = name_of("plan"), name_of("value")
        action: dict[str, Any] = {"workers": {"set": list(workers)}}
        if options is not None:
            action["options"] = {"set": options}
        match = {"submission": {"metaDataKey": [key], "metaDataValue": [value]}}
        self.data(
            self.post(
                f"{V2}/policy/default/rule",
                {"name": key, "description": "", "match": match, "action": action},
            )
        )
        return {key: value}

    def jobs_of(self, sample: Sample, user: str = CHIEF, **criteria: Any) -> list[dict[str, Any]]:
        body = {"sampleSha256": [sample.sha256], "limit": 0, **criteria}
        jobs: list[dict[str, Any]] = self.data(self.post(f"{V2}/job/search", body, user))
        return jobs

    def planned(self, *workers: str, user: str = "mia", **fields: Any) -> tuple[Sample, str, dict[str, str]]:
        """A fresh submission for analysis by the workers: (sample, job id, task ids by worker)."""
        sample = Sample()
        self.submit(sample, user, metaData=self.plan(*workers), **fields)
        (job,) = self.jobs_of(sample)
        return sample, job["id"], self.tasks_of(job["id"])

    def tasks_of(self, job: str) -> dict[str, str]:
        rows = self.data(self.get(f"{V2}/job/{job}/tasks", limit=0))
        return {row["worker"]: row["id"] for row in rows}

    def job(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data(self.get(f"{V2}/job/{job}"))
        return found

    def task(self, job: str, task: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data(self.get(f"{V2}/job/{job}/task/{task}"))
        return found

    def update(self, job: str, task: str, state: str, user: str = ROBOT, **fields: Any) -> requests.Response:
        return self.put(f"{V2}/job/{job}/task/{task}", {"state": state, **fields}, user)

    def analyse(self, sample: Sample, worker: str, score: int = 0, user: str = ROBOT, **fields: Any) -> str:
        """Add an analysis; the id of the analysis."""
        body = {
            "analysisResult": {"made": "by a test"},
            "analysisScore": score,
            "customer": "mill",
            "tlp": "amber",
            "userAgent": {"name": worker, "version": "1.0"},
            **fields,
        }
        id_: str = self.data(self.post(f"{sample.path}/analysis", body, user))["analysisID"]
        return id_

    def verdicts_of(self, sample: Sample, user: str = CHIEF) -> list[dict[str, Any]]:
        verdicts: list[dict[str, Any]] = self.data(self.get(f"{sample.path}/verdict", user, limit=0))
        return verdicts

    # -- claims

    def claim(
        self, worker: str, user: str = ROBOT, lease: int = 60, most: int = 1, **more: Any
    ) -> list[dict[str, Any]]:
        body = {"max": most, "waitSeconds": 0, "leaseSeconds": lease, **more}
        claims: list[dict[str, Any]] = self.data(
            self.post(f"/samplebank/v1/worker/{worker}/claim", body, user)
        )
        return claims

    def heartbeat(self, claim: Mapping[str, Any], user: str = ROBOT) -> requests.Response:
        body = {"leaseToken": claim["leaseToken"], "leaseSeconds": 60}
        return self.post(f"/samplebank/v1/task/{claim['task']['id']}/heartbeat", body, user)

    def release(
        self, claim: Mapping[str, Any], reason: str = "not now", delay: int = 0, **more: Any
    ) -> requests.Response:
        body = {"leaseToken": claim["leaseToken"], "reason": reason, "delaySeconds": delay, **more}
        return self.post(f"/samplebank/v1/task/{claim['task']['id']}/release", body, ROBOT)
