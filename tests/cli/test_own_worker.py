"""The worker that docs/workers.md shows, run as the page says, and a worker that is told to stop."""

import json
import secrets
from pathlib import Path

import pytest
from argus_api.lib.sampledb.v2.policy import policy_default
from argus_api.session import ArgusAPISession

from cli.conftest import HERE
from cli.program import Program
from kit.bank import Bank
from kit.relay import Relay


@pytest.mark.usefixtures("analysts")
def test_a_worker_of_ones_own_gets_tasks_by_a_rule_and_its_result_counts(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    policy_default.add_default_analysis_rule(
        name="where web addresses are asked for",
        description="Made by a test.",
        match={"submission": {"metaDataKey": ["look"], "metaDataValue": ["urls"]}},
        action={"workers": {"set": ["urls"]}},
        api_session=ArgusAPISession(auth=bank.keys["chief"], api_url=bank.url),
    )
    (tmp_path / "letter.txt").write_text(f"see https://evil.example/{secrets.token_hex()}")

    submitted = local.run("submit", tmp_path / "letter.txt", "--meta", "look=urls", "--wait", "--json")

    (file,) = json.loads(submitted.out)["files"]
    assert (file["jobState"], file["score"], file["tags"]) == ("done", 20, ["behaviour:web-addresses"])


def test_a_worker_stops_in_order(program: Program, bank: Bank, relay: Relay) -> None:
    worker = program.start(
        *("worker", "run", "own_analysers:OwnYara", "--import-from", HERE),
        *("--url", relay.url, "--key", bank.keys["chief"]),
    )
    relay.wait_for("/claim$")

    worker.terminate()

    worker.communicate(timeout=30)
    assert worker.returncode == 0
