"""The worker that docs/workers.md shows, run as the page says, against a real service."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
from argus_api.lib.sampledb.v2.policy import policy_default
from argus_api.session import ArgusAPISession

from cli.staging import Program, code_of_the_docs
from samplebank.cli.local_service import LocalService


@dataclass
class Worker:
    name: str
    process: Popen[str]


@pytest.fixture
def worker(local: Program, service: LocalService, tmp_path: Path) -> Iterator[Worker]:
    """The worker of the page under a name of its own, from the moment the service knows it."""
    name = f"urls-{secrets.token_hex(4)}"
    (tmp_path / "urls.py").write_text(code_of_the_docs("urls.py").replace('"urls"', f'"{name}"'))
    process = local.start(
        "worker", "run", "urls:Urls", "--import-from", tmp_path, "--key", service.connection.key
    )
    assert process.stderr is not None
    assert "worker.registered" in process.stderr.readline()
    yield Worker(name, process)
    process.terminate()
    process.communicate(timeout=30)


def test_a_worker_of_ones_own_gets_tasks_by_a_rule_and_its_result_counts(
    local: Program, service: LocalService, worker: Worker, tmp_path: Path
) -> None:
    policy_default.add_default_analysis_rule(
        name=f"where asked for {worker.name}",
        description="Made by a test.",
        match={"submission": {"metaDataKey": ["look"], "metaDataValue": [worker.name]}},
        action={"workers": {"set": [worker.name]}},
        api_session=ArgusAPISession(auth=service.connection.key, api_url=service.connection.url),
    )
    (tmp_path / "letter.txt").write_text(f"see https://evil.example/{secrets.token_hex()}")

    submitted = local.run(
        "submit", tmp_path / "letter.txt", "--meta", f"look={worker.name}", "--wait", "--json"
    )

    (file,) = json.loads(submitted.out)["files"]
    assert (file["jobState"], file["score"], file["tags"]) == ("done", 20, ["behaviour:web-addresses"])


def test_a_worker_stops_in_order(worker: Worker) -> None:
    worker.process.terminate()

    assert worker.process.wait(timeout=30) == 0
