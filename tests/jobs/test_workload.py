"""The waiting work of each worker, and the time when the worker was last seen."""

from typing import Any

from kit.bank import ROBOT, Bank, eventually

WORKLOADS = "/samplebank/v1/worker"


def workload(bank: Bank, worker: str, user: str = ROBOT) -> dict[str, Any]:
    (found,) = [one for one in bank.data(bank.get(WORKLOADS, user)) if one["shortName"] == worker]
    workload: dict[str, Any] = found
    return workload


def planned_worker(bank: Bank, job: str) -> dict[str, Any]:
    (worker,) = bank.data(bank.get(f"/samplebank/v1/job/{job}/plan", "mia"))["workers"]
    planned: dict[str, Any] = worker
    return planned


def test_a_worker_that_nobody_runs_was_never_seen_and_its_tasks_wait(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    bank.planned(worker)

    found = workload(bank, worker)

    assert (found["waitingTasks"], found["executingTasks"]) == (2, 0)
    assert found["waitingSinceTimestamp"] == bank.job(job)["enqueuedTimestamp"]
    assert "lastSeenTimestamp" not in found
    assert "lastSeenTimestamp" not in planned_worker(bank, job)


def test_who_asks_for_work_in_vain_was_seen(bank: Bank) -> None:
    (worker,) = bank.workers(1)

    bank.claim(worker)

    assert eventually(lambda: workload(bank, worker).get("lastSeenTimestamp"))
    assert workload(bank, worker)["waitingTasks"] == 0


def test_who_takes_a_task_was_seen_by_whoever_waits_for_the_job(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)

    bank.claim(worker)

    assert eventually(lambda: planned_worker(bank, job).get("lastSeenTimestamp"))
    assert workload(bank, worker)["executingTasks"] == 1


def test_tasks_of_other_customers_are_not_counted(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker, user="quinn")
    bank.planned(worker, user="mia")

    found = workload(bank, worker, "analyzer")

    assert found["waitingTasks"] == 1
