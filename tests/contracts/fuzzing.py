"""Requests that nobody would write, made from the published document and sent to a real service."""

from collections.abc import Iterator, Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kit.bank import ROBOT, V2, Bank

JSON = "application/json"
SERVER_ERROR = 500
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Fuzzer:
    """Sends `examples` requests of each kind and collects what is wrong with the answers."""

    def __init__(self, bank: Bank, examples: int) -> None:
        document = bank.get("/openapi.json", user=None).json()
        # A claim waits for work for as long as the request says. The test has no time to wait.
        document["components"]["schemas"]["ClaimRequest"]["properties"]["waitSeconds"]["maximum"] = 0
        # Every request has a good key, because without a key every answer would be 401.
        del document["security"], document["components"]["securitySchemes"]
        self._declared: dict[str, tuple[str, dict[str, Any]]] = {
            one["operationId"]: (path, one)
            for path, methods in document["paths"].items()
            for one in methods.values()
        }
        self._schema = schemathesis.openapi.from_dict(document)
        self._bank = bank
        self._examples = examples
        self._session = requests.Session()

    def problems_with(self, operation: str) -> list[str]:
        """The faults of the answers to fitting requests, to misfits, and to requests about absent things."""
        path, declared = self._declared[operation]
        known = things_that_are_there(self._bank) if "{" in path else {}
        named = {name: value for name, value in known.items() if f"{{{name}}}" in path}
        problems = self._problems(operation, GenerationMode.POSITIVE, named)
        if can_be_wrong(declared):
            problems += self._problems(operation, GenerationMode.NEGATIVE, named)
        if named:
            problems += self._problems(operation, GenerationMode.POSITIVE, {})
        return problems

    def _problems(self, operation: str, mode: GenerationMode, named: Mapping[str, str]) -> list[str]:
        found: dict[str, None] = {}
        strategy = self._schema.find_operation_by_id(operation).as_strategy(
            generation_mode=mode,
            path_parameters=dict(named) or None,
        )

        @settings(
            max_examples=self._examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def send(case: "Case[Any]") -> None:
            found.update(dict.fromkeys(self._problems_of(case)))

        send()
        return list(found)

    def _problems_of(self, case: "Case[Any]") -> list[str]:
        headers = {"Argus-API-Key": self._bank.keys["chief"]}
        return [*self._problems_of_habits(case, headers), *self._problems_of_answer(case, headers)]

    def _problems_of_habits(self, case: "Case[Any]", headers: Mapping[str, str]) -> Iterator[str]:
        """What programs ask the same path before: never an error of the service."""
        url = case.as_transport_kwargs(base_url=self._bank.url)["url"]
        for method in ("OPTIONS", "HEAD"):
            status = self._session.request(method, url, headers=headers, timeout=30).status_code
            if status >= SERVER_ERROR:
                yield f"{method} {url}: {status}"

    def _problems_of_answer(self, case: "Case[Any]", headers: dict[str, str]) -> list[str]:
        response = case.call(base_url=self._bank.url, session=self._session, headers=headers, timeout=30)
        if "x-request-id" not in response.headers:
            # The web server itself refuses broken HTTP, for example a path that is too long.
            return [] if response.status_code in (400, 414, 431) else [f"no answer: {response.status_code}"]
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            return [f"{one}\n{case.as_curl_command()}" for one in group.exceptions]
        except Failure as failure:
            return [f"{failure}\n{case.as_curl_command()}"]
        return []


def can_be_wrong(declared: dict[str, Any]) -> bool:
    """Whether anything but the path can be other than the document says."""
    asks = any(parameter["in"] == "query" for parameter in declared["parameters"])
    return asks or JSON in declared.get("requestBody", {}).get("content", {})


def things_that_are_there(bank: Bank) -> dict[str, str]:
    """Parameters of paths that lead to something."""
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    other = bank.submitted()
    analysis = bank.analyse(sample, worker, 50)
    evidence = bank.call("POST", f"{sample.path}/analysis/{analysis}/evidence/a.txt", ROBOT, data=b"seen")
    link = {"reference": other.sha256, "tlp": "amber", "type": "child", "customer": "mill"}
    agent = {"name": worker, "version": "1.0"}
    rules = bank.data(bank.get(f"{V2}/policy/default/rule", limit=0))
    return {
        "sha256": sample.sha256,
        "jobID": job,
        "taskID": tasks[worker],
        "submissionID": bank.data(bank.get(f"{sample.path}/submission"))[0]["id"],
        "analysisID": analysis,
        "evidenceID": bank.data(evidence)["id"],
        "linkID": bank.data(bank.post(f"{sample.path}/link", {**link, "userAgent": agent}, ROBOT))["id"],
        "id": rules[-1]["id"],
        "idOrShortName": worker,
        "fileName": "a.txt",
    }
