"""Why a job is not done: one sentence for each cause, and what helps."""

from typing import Any
from uuid import UUID

import pytest

from kit.bank import Bank, eventually
from samplebank.jobs.model import JobRules
from samplebank.jobs.why import Cause, Explanation, JobFacts, TaskFacts, Told, WorkerFacts, explain
from samplebank.policy.presence import Presence

MINUTE = 60_000
NOW = 1_767_312_000_000  # 2026-01-02T00:00:00Z
RULES = JobRules(max_attempts=3, malicious_score=70, longest_wait=60 * MINUTE, longest_run=30 * MINUTE)
ALIVE = Presence(NOW - 1000, NOW + 5000)
LATE = Presence(NOW - 2 * MINUTE, NOW - MINUTE)
GONE = Presence(NOW - 48 * MINUTE, NOW - 47 * MINUTE)


def task(worker: str = "sandbox", state: str = "enqueued", **facts: Any) -> TaskFacts:
    given = {
        "id": UUID(int=1),
        "enqueued_time": NOW - 10 * MINUTE,
        "start_time": None,
        "end_time": None,
        "message": None,
        "attempt": 0,
        "reasons": [],
        "run_after": 0,
        "lease_until": None,
        "worker_is_deleted": False,
        "ahead": 0,
    }
    return TaskFacts(worker=worker, state=state, **{**given, **facts})


def running(worker: str = "sandbox", **facts: Any) -> TaskFacts:
    given = {"start_time": NOW - MINUTE, "attempt": 1, "lease_until": NOW + MINUTE}
    return task(worker, "executing", **{**given, **facts})


def job(*tasks: tuple[TaskFacts, WorkerFacts], **facts: Any) -> JobFacts:
    given = {"state": "enqueued", "start_time": None, "end_time": None, "awaits_type": False}
    return JobFacts(id=UUID(int=9), enqueued_time=NOW - 10 * MINUTE, tasks=tasks, **{**given, **facts})


def explained(*tasks: tuple[TaskFacts, WorkerFacts], **facts: Any) -> Explanation:
    return explain(job(*tasks, **facts), RULES, now=NOW)


def told(of: TaskFacts, presence: Presence = ALIVE, **worker: Any) -> Told:
    (found,) = explained((of, WorkerFacts(presence, **worker))).tasks
    return found


def test_a_worker_that_has_gone_is_named_with_the_time_and_the_remedy() -> None:
    found = told(task(), GONE)

    assert found.cause is Cause.NO_LIVE_WORKER
    assert found.because == "No live worker for sandbox since 2026-01-01T23:12:00Z."
    assert found.next == (
        "Nothing happens until a process of sandbox starts; the job times out at 2026-01-02T00:50:00Z."
    )
    assert found.remedy == "Start the worker: samplebank worker run sandbox"


def test_a_worker_that_never_asked_for_work_has_no_time() -> None:
    found = told(task(), Presence())

    assert found.cause is Cause.NO_LIVE_WORKER
    assert found.because.endswith("so far: nobody has asked for tasks of the customer.")


def test_a_worker_that_missed_a_sign_is_late() -> None:
    found = told(task(), LATE)

    assert found.cause is Cause.WORKER_LATE
    assert "the last sign of life came at 2026-01-01T23:58:00Z" in found.because


def test_a_deleted_worker_is_told_whether_somebody_runs_the_worker_or_not() -> None:
    assert told(task(worker_is_deleted=True)).cause is Cause.WORKER_DELETED
    assert told(task(worker_is_deleted=True), GONE).cause is Cause.WORKER_DELETED


def test_a_line_has_a_place_a_rate_and_an_estimate() -> None:
    found = told(task(ahead=16), rate=4.0, service=3000)

    assert found.cause is Cause.IN_LINE
    assert found.because == "The task is number 17 in the customer's line for sandbox."
    assert "4 a minute, the task begins at about 2026-01-02T00:04:00Z" in found.next
    assert found.estimate == NOW + 4 * MINUTE + 3000


def test_a_line_in_which_nothing_ended_has_no_estimate() -> None:
    found = told(task(ahead=16))

    assert found.estimate is None
    assert "there is no estimate" in found.next


def test_a_long_line_is_counted_up_to_a_bound() -> None:
    assert "behind 10000 others" in told(task(ahead=10_000)).because


def test_a_task_between_attempts_tells_the_last_reason_and_the_next_attempt() -> None:
    found = told(task(attempt=1, reasons=["Attempt 1: no disk"], run_after=NOW + MINUTE))

    assert found.cause is Cause.BETWEEN_ATTEMPTS
    assert found.because == "1 of 3 attempts ended without a result. Attempt 1: no disk."
    assert found.next == "Attempt 2 may begin at 2026-01-02T00:01:00Z."


def test_a_task_back_in_the_line_tells_the_attempts_before() -> None:
    assert "2 of 3 attempts ended" in told(task(attempt=2, reasons=["a", "b"])).because


def test_a_running_task_tells_since_when_and_until_when_the_worker_has_the_task() -> None:
    found = told(running(), service=2 * MINUTE)

    assert found.cause is Cause.RUNNING
    assert (
        found.because == "The worker sandbox has been at work since 2026-01-01T23:59:00Z, in attempt 1 of 3."
    )
    assert "until 2026-01-02T00:01:00Z" in found.next
    assert found.estimate == NOW + MINUTE


def test_a_task_that_takes_longer_than_usual_has_no_estimate() -> None:
    assert told(running(), service=30_000).estimate is None


def test_a_lease_that_has_ended_goes_back_or_fails() -> None:
    back, last = (told(running(lease_until=NOW - 1000, attempt=attempt)) for attempt in (1, 3))

    assert (back.cause, last.cause) == (Cause.LEASE_ENDED, Cause.LEASE_ENDED)
    assert "goes back to the line" in back.next
    assert "fails, as no attempt is left" in last.next


def test_a_task_that_runs_without_a_claim_ends_when_the_worker_says_so() -> None:
    assert told(running(lease_until=None)).cause is Cause.RUNNING_WITHOUT_LEASE


def test_a_job_is_explained_by_the_task_with_the_least_hope() -> None:
    done = task("yara", "success", end_time=NOW - MINUTE)

    found = explained(
        (done, WorkerFacts(ALIVE)), (running("static"), WorkerFacts(ALIVE)), (task(), WorkerFacts(GONE))
    )

    assert found.told.cause is Cause.NO_LIVE_WORKER
    assert found.told.because.startswith("No live worker for sandbox")
    assert found.told.because.endswith("1 of 3 tasks ended.")
    assert found.tasks[0].next == "The job waits for 2 other tasks."


def test_a_job_under_way_times_out_by_the_start_of_the_first_task() -> None:
    begun = explained((running(), WorkerFacts(ALIVE)), state="executing", start_time=NOW - 29 * MINUTE)

    assert begun.times_out == NOW + MINUTE


def test_an_estimate_beyond_the_time_out_is_told() -> None:
    found = explained((task(ahead=600), WorkerFacts(ALIVE, rate=1.0)))

    assert "By this estimate, the job times out at 2026-01-02T00:50:00Z before the end." in found.told.next


def test_a_type_that_is_still_to_come_may_add_workers() -> None:
    found = explained((running(), WorkerFacts(ALIVE)), awaits_type=True)

    assert found.told.next.endswith("The type of the file is still to come, and may add workers.")


@pytest.mark.parametrize(
    ("state", "because"),
    [
        ("done", "The job has been done since 2026-01-02T00:00:00Z."),
        ("timeout", "The job timed out at 2026-01-02T00:00:00Z, with the results so far."),
    ],
)
def test_an_ended_job_tells_how_the_job_ended(state: str, because: str) -> None:
    failed = task(state="failed", end_time=NOW, message="no\ndisk")

    found = explained((failed, WorkerFacts(GONE)), state=state, end_time=NOW)

    assert (found.told.cause, found.told.because, found.times_out) == (Cause.ENDED, because, None)
    assert found.told.remedy == "For another try of sandbox, analyse the sample again."
    assert found.tasks[0].because.endswith("failed, no disk.")


def test_a_long_reason_is_cut_in_a_sentence() -> None:
    assert len(told(task(reasons=["x" * 10_000], attempt=1)).because) < 400


def why(bank: Bank, of: str, user: str = "mia") -> dict[str, Any]:
    found: dict[str, Any] = bank.data(bank.get(f"/samplebank/v1/job/{of}/why", user))
    return found


def test_the_interface_tells_the_cause_of_a_job_that_nobody_works_on(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, waiting, _ = bank.planned(worker)

    found = why(bank, waiting)

    assert (found["cause"], found["state"]) == ("noLiveWorker", "enqueued")
    assert f"samplebank worker run {worker}" in found["remedy"]
    assert found["timeoutTimestamp"] > bank.job(waiting)["enqueuedTimestamp"]


def test_a_place_in_the_line_counts_tasks_of_the_customer_only(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.claim(worker)
    bank.planned(worker, user="quinn")
    bank.planned(worker)
    _, third, _ = bank.planned(worker)

    assert eventually(lambda: why(bank, third)["cause"] == "inLine")
    assert [one["place"] for one in why(bank, third)["tasks"]] == [2]


def test_a_worker_of_another_customer_is_no_help(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, of_quarry, _ = bank.planned(worker, user="quinn")
    _, of_mill, _ = bank.planned(worker)

    bank.claim(worker, user="analyzer", most=5)

    assert eventually(lambda: why(bank, of_mill)["cause"] == "running")
    assert why(bank, of_quarry, "quinn")["cause"] == "noLiveWorker"


def test_each_attempt_is_told_with_its_reason(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, waiting, _ = bank.planned(worker)
    bank.release(bank.claim(worker)[0], "no disk", delay=3600)

    assert eventually(lambda: why(bank, waiting)["cause"] == "betweenAttempts")
    (found,) = why(bank, waiting)["tasks"]
    assert found["attempts"] == [{"number": 1, "reason": "no disk"}]


def test_a_job_of_another_customer_is_not_explained(bank: Bank) -> None:
    _, of_quarry, _ = bank.planned(*bank.workers(1), user="quinn")

    assert bank.get(f"/samplebank/v1/job/{of_quarry}/why", "mia").status_code == 404
