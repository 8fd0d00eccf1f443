"""`samplebank jobs`: the table, following, and one job explained."""

import json
from subprocess import Popen
from typing import Any
from uuid import UUID

import pytest

from cli.program import Program
from kit.bank import Bank, eventually, name_of
from kit.processes import interrupted
from samplebank import timespec
from samplebank.cli.job_table import short_id
from samplebank.database import Database


def listed(program: Program, *arguments: str) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = json.loads(program.run("jobs", "--json", *arguments).out)["jobs"]
    return jobs


def explained(program: Program, job: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(program.run("jobs", "--why", job, "--json").out)
    return document


def following(local: Program, bank: Bank, job: str, *arguments: str) -> Popen[str]:
    """Follow the jobs that were enqueued since `job`."""
    return local.start("jobs", "--follow", "--since", str(bank.job(job)["enqueuedTimestamp"]), *arguments)


def test_the_table_tells_state_duration_and_progress(local: Program, bank: Bank) -> None:
    one, two = bank.workers(2)
    sample, job, tasks = bank.planned(one, two)
    bank.claim(one)
    bank.update(job, tasks[one], "success")
    bank.update(job, tasks[two], "success")

    ended = local.run("jobs", "--limit", "1")

    facts = bank.job(job)
    seconds = (facts["endTimestamp"] - facts["startTimestamp"]) / 1000
    enqueued = timespec.iso(facts["enqueuedTimestamp"])
    assert ended.out.splitlines()[1].split() == [
        *[short_id(job), "done", sample.sha256[:16], "mill", enqueued, f"{seconds:.1f}", "s", "2/2"]
    ]


def test_a_job_under_way_shows_how_many_tasks_have_ended_and_failed(local: Program, bank: Bank) -> None:
    one, two = bank.workers(2)
    _, job, tasks = bank.planned(one, two)
    bank.claim(one)
    bank.update(job, tasks[one], "failed")

    ended = local.run("jobs", "--limit", "1")

    row = ended.out.splitlines()[1]
    assert row.split()[1] == "executing"
    assert row.rstrip().endswith("1/2, 1 failed")


def test_jobs_are_filtered_by_state_customer_and_time(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, waiting, _ = bank.planned(worker, user="quinn")
    _, done, tasks = bank.planned(worker, user="quinn")
    _, other, others_tasks = bank.planned(worker)
    bank.update(done, tasks[worker], "success")
    bank.update(other, others_tasks[worker], "success")

    since = str(bank.job(waiting)["enqueuedTimestamp"])
    found = listed(local, "--state", "done", "--state", "timeout", "--customer", "quarry", "--since", since)

    assert [job["id"] for job in found] == [done]


def test_the_newest_jobs_come_first_up_to_a_limit(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    _, second, _ = bank.planned(worker)
    _, third, _ = bank.planned(worker)

    found = listed(local, "--limit", "2")

    assert [job["id"] for job in found] == [third, second]


def test_json_is_one_document_in_the_words_of_the_interface(local: Program, bank: Bank) -> None:
    sample, _, _ = bank.planned(*bank.workers(1))

    (job,) = listed(local, "--limit", "1")

    assert job["analysedSample"] == {"id": sample.sha256, "size": len(sample.data)}
    assert job["customer"]["shortName"] == "mill"
    assert job["enqueuedTimestamp"] > 0


def test_why_shows_each_worker_with_its_message_and_the_verdict(local: Program, bank: Bank) -> None:
    one, two = bank.workers(2)
    sample, job, tasks = bank.planned(one, two)
    analysis = bank.analyse(sample, one, 90, tags=[{"type": "family", "value": "emotet"}])
    bank.update(job, tasks[one], "success", analyses=[analysis])
    bank.update(job, tasks[two], "failed", message="The sample is encrypted.")

    ended = local.run("jobs", "--why", job)

    (failed,) = (line for line in ended.out.splitlines() if line.startswith(two))
    assert failed.split()[1] == "failed"
    assert failed.endswith("The sample is encrypted.")
    assert "Verdict: malicious, score 90, family:emotet." in ended.out


def test_why_shows_the_rules_and_options_that_chose_the_workers(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    ((key, value),) = (plan := bank.plan(worker, options=[{"key": "depth", "value": "2"}])).items()
    sample = bank.submit(metaData=plan)["sampleSha256"]
    (job,) = bank.data(bank.post("/sampledb/v2/job/search", {"sampleSha256": [sample]}))

    ended = local.run("jobs", "--why", job["id"])

    lines = [line.split() for line in ended.out.splitlines()]
    assert ["CHOSEN", "BY", "VERSION", "KIND", "MATCHES"] in lines
    assert [key, "1", "submission", "metaData", f"{key}={value}"] in lines
    assert "Options: depth=2." in ended.out


def test_why_names_the_default_policy_where_no_rule_chose(local: Program, bank: Bank) -> None:
    (job,) = bank.jobs_of(bank.submitted())

    ended = local.run("jobs", "--why", job["id"])

    assert "Chosen by the default policy." in ended.out
    assert "Options" not in ended.out


def test_why_in_json_has_job_tasks_plan_and_verdict(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 40)
    bank.update(job, tasks[worker], "success", analyses=[analysis])

    document = explained(local, job)

    assert document.keys() == {"why", "job", "tasks", "plan", "verdict", "verdictByHand"}
    assert (document["job"]["id"], document["verdict"]["score"]) == (job, 40)
    assert [task["worker"] for task in document["tasks"]] == [worker]
    assert document["plan"]["jobID"] == job
    assert [chosen["shortName"] for chosen in document["plan"]["workers"]] == [worker]
    assert [rule["matches"] for rule in document["plan"]["rules"]] == ["submission"]


@pytest.mark.parametrize("shortened", [slice(20), slice(-12, None)], ids=["start", "end"])
def test_why_takes_a_shortened_id(local: Program, bank: Bank, shortened: slice) -> None:
    _, job, _ = bank.planned(*bank.workers(1))

    document = explained(local, job[shortened].upper())

    assert document["job"]["id"] == job


def test_why_tells_of_a_verdict_by_hand(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "success", analyses=[bank.analyse(sample, worker, 90)])
    judged = bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": "A test file."})
    assert judged.ok

    ended = local.run("jobs", "--why", job)

    assert "Verdict: malicious, score 90." in ended.out
    assert "By hand: benign, by chief, " in ended.out
    assert ended.out.rstrip().endswith(": A test file.")


def test_an_id_shortened_too_far_is_refused(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    bank.planned(worker)

    ended = local.run("jobs", "--why", job[:4])

    assert ended.status == 1
    assert f"jobs have an id that starts or ends with {job[:4]}; give more of it." in ended.complaints[0]


def test_an_id_that_nothing_has_is_refused(local: Program) -> None:
    ended = local.run("jobs", "--why", "ffffffff")

    assert ended.status == 1
    assert "None of the newest 100000 jobs has an id that starts or ends with ffffffff" in ended.complaints[0]


def test_following_tells_changes_until_it_is_interrupted(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    follower = following(local, bank, job, "--json")
    assert follower.stdout is not None
    first = json.loads(follower.stdout.readline())
    bank.update(job, tasks[worker], "success")
    second = json.loads(follower.stdout.readline())

    complaints = interrupted(follower)

    assert [(line["id"], line["state"]) for line in (first, second)] == [(job, "enqueued"), (job, "done")]
    assert (follower.returncode, complaints) == (0, "")


def test_following_ends_when_its_reader_is_gone(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    follower = following(local, bank, job)
    assert follower.stdout is not None
    follower.stdout.readline()
    follower.stdout.close()

    bank.update(job, tasks[worker], "success")

    assert follower.wait(timeout=30) == 1
    assert follower.stderr is not None
    assert follower.stderr.read() == ""
    follower.stderr.close()


async def test_why_tells_what_a_late_type_added(local: Program, bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    (added,) = bank.data(bank.get(f"/samplebank/v1/job/{job}/plan"))["workers"]
    late = {"time": 0, "type": "pebin", "superType": "executable", "workers": [added["id"]]}
    async with database.connection() as db:
        await db.execute("UPDATE job SET replanned = $2 WHERE id = $1", UUID(job), late)

    ended = local.run("jobs", "--why", job)

    told = "The file type pebin (executable) came after the job was opened: 1970-01-01T00:00:00.000Z added"
    assert f"{told} {worker}." in " ".join(ended.out.split())


def test_failures_are_told_by_cause(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    kind = name_of("x").replace("-", "")
    for size in range(2):
        _, job, tasks = bank.planned(worker)
        bank.update(job, tasks[worker], "failed", message=f"No disk of {size} MiB for {kind}.")

    (row,) = [line for line in local.run("jobs", "--failures").out.splitlines() if kind in line]
    told = json.loads(local.run("jobs", "--failures", "--json").out)

    assert row.split()[:2] == ["2", worker]
    assert row.split()[-1] == short_id(job)
    (cause,) = [one for one in told["causes"] if kind in one["cause"]]
    assert cause["failures"] == 2


def test_why_says_what_a_job_waits_for_in_the_words_of_the_service(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    bank.release(bank.claim(worker)[0], "no disk", delay=3600)

    def why() -> dict[str, Any]:
        told: dict[str, Any] = bank.data(bank.get(f"/samplebank/v1/job/{job}/why"))
        return told

    # a claim is a sign of life, which is noted beside the claim
    assert eventually(lambda: "nobody has asked" not in why()["because"])
    said = why()

    ended = " ".join(local.run("jobs", "--why", job).out.split())

    assert f"{said['because']} {said['next']}" in ended
