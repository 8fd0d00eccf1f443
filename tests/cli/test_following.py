"""From submitted files to the output for the user: failed analyses, workers that nobody runs, late file types."""

import json
from pathlib import Path

import pytest

from cli.program import Program
from kit.bank import Bank, Sample, eventually
from samplebank.cli import following
from samplebank.cli.client import Client
from samplebank.cli.following import follow
from samplebank.cli.sending import FailedAnalysis, Outcome


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(Sample().data)
    return path


def fail_the_task_of(bank: Bank, worker: str, message: str) -> None:
    (claim,) = eventually(lambda: bank.claim(worker))
    bank.update(claim["job"]["id"], claim["task"]["id"], "failed", message=message)


@pytest.mark.parametrize(("option", "order"), [("--wait", [1, 0, 2]), ("--bulk", [0, 2, 1])])
def test_who_waits_for_verdicts_goes_first_and_bulk_work_lets_pass(
    local: Program, bank: Bank, file: Path, option: str, order: list[int]
) -> None:
    (worker,) = bank.workers(1)
    plan, sample = bank.plan(worker), Sample(data=file.read_bytes())
    ((key, value),) = plan.items()
    before = bank.submit(metaData=plan)["sampleSha256"]
    process = local.start("submit", file, option, f"--meta={key}={value}", "--key", bank.keys["mia"])
    assert eventually(lambda: bank.jobs_of(sample))
    samples = [before, sample.sha256, bank.submit(metaData=plan)["sampleSha256"]]

    claims = [bank.claim(worker)[0] for _ in samples]

    for claim in claims:
        bank.update(claim["job"]["id"], claim["task"]["id"], "success")
    process.communicate(timeout=60)

    assert [samples.index(claim["sample"]["id"]) for claim in claims] == order


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_a_failed_analysis_is_shown_and_fails_the_command(
    local: Program, bank: Bank, file: Path, json_option: list[str]
) -> None:
    (worker,) = bank.workers(1)
    ((key, value),) = bank.plan(worker).items()
    options = ["--wait", f"--meta={key}={value}", "--key", bank.keys["mia"], *json_option]
    process = local.start("submit", file, *options)
    fail_the_task_of(bank, worker, "The file is encrypted.")

    out, complaints = process.communicate(timeout=60)

    assert process.returncode == 1
    assert complaints == f"samplebank: {file}: the analysis by {worker} failed: The file is encrypted.\n"
    if json_option:
        (told,) = json.loads(out)["files"]
        assert told["failedAnalyses"] == [{"worker": worker, "message": "The file is encrypted."}]
    else:
        head, row = out.splitlines()
        assert (head.split()[-1], row.split()[-1]) == ("FAILED", worker)


def test_a_worker_that_nobody_runs_is_named_once(
    client: Client, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STILL", 0.0)
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        bank.update(job, tasks[worker], "success")

    follow(client, [Outcome("file", "submitted", sha256=sample.sha256, job=job)], lambda _: None, tell)

    assert told == [f"Nobody has ever asked for work of {worker}: start it with `samplebank worker run`."]


def test_of_many_jobs_a_failed_analysis_is_told(
    client: Client, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FEW_JOBS", 0)
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "failed", message="The file is encrypted.")

    outcome = Outcome("file", "submitted", sha256=sample.sha256, job=job)
    (told,) = follow(client, [outcome], lambda _: None, lambda _: None)

    assert told.failed_analyses == [FailedAnalysis(worker, "The file is encrypted.")]


def test_where_nothing_has_failed_no_job_of_many_is_looked_at(
    client: Client, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FEW_JOBS", 0)
    looked_at: list[str] = []
    monkeypatch.setattr(client, "tasks", looked_at.append)
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "success")

    outcome = Outcome("file", "submitted", sha256=sample.sha256, job=job)
    (told,) = follow(client, [outcome], lambda _: None, lambda _: None)

    assert (told.job_state, told.failed_analyses, looked_at) == ("done", [], [])


def test_the_type_of_a_file_is_waited_for(client: Client, bank: Bank) -> None:
    sample = bank.submitted()
    (job,) = bank.jobs_of(sample)
    outcome = Outcome("file", "submitted", sha256=sample.sha256, job=job["id"], job_state="done")

    (told,) = follow(client, [outcome], lambda _: None, lambda _: None)

    assert told.type is not None


def test_the_verdict_of_the_own_job_is_told_although_a_newer_one_is_there(client: Client, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 90)
    bank.update(job, tasks[worker], "success", analyses=[analysis])
    bank.data(bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": "ours"}))
    outcome = Outcome("file", "submitted", sha256=sample.sha256, job=job, job_state="done")

    (told,) = follow(client, [outcome], lambda _: None, lambda _: None)

    assert (told.verdict, told.score) == ("malicious", 90)
