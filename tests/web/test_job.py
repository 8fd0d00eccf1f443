"""The page of a job: why the job is not done, the way of each task, and what chose the workers."""

from uuid import UUID

import pytest

from kit.bank import ROBOT, Bank, name_of
from kit.visitor import Shown
from samplebank.jobs.model import Task
from samplebank.web.way import way_of
from web.conftest import Visitors


def task_of(state: str, *, start: int | None = None, end: int | None = None) -> Task:
    """A task that was enqueued at 10."""
    return Task(
        id=UUID(int=1),
        worker="w",
        state=state,
        enqueued_time=10,
        start_time=start,
        end_time=end,
        message=None,
        analyses=[],
    )


def test_a_job_that_waits_is_explained_in_the_words_of_the_interface(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    told = bank.data(bank.get(f"/samplebank/v1/job/{job}/why", "mia"))

    shown = visitor("mia").get(f"/job/{job}").text("#why")

    assert told["cause"] == "noLiveWorker"
    assert all(told[part] in shown for part in ("because", "next", "remedy"))


def test_a_job_that_waits_is_shown_by_four_statements(bank: Bank, visitor: Visitors) -> None:
    _, job, _ = bank.planned(*bank.workers(3))

    assert visitor("mia").get(f"/job/{job}").text("footer span").startswith("4 statements")


def test_a_job_that_ended_well_needs_no_words(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    assert bank.update(job, tasks[worker], "success").ok

    assert not visitor("mia").get(f"/job/{job}").all("#why")


def test_a_job_that_lacks_a_result_says_what_helps(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    assert bank.update(job, tasks[worker], "failed", message="no disk").ok

    shown = visitor("mia").get(f"/job/{job}")

    assert f"For another try of {worker}, analyse the sample again." in shown.text("#why")
    assert "no disk" in shown.text(f"#task-{tasks[worker]}")


def test_attempts_are_told_with_their_reasons(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    (claim,) = bank.claim(worker, ROBOT)
    assert bank.release(claim, reason="the disk is full").status_code < 300

    shown = visitor("mia").get(f"/job/{job}")

    assert "the disk is full" in shown.text(f"#task-{tasks[worker]} .attempts li")


def test_each_task_has_a_lane_with_its_way_in_words(bank: Bank, visitor: Visitors) -> None:
    workers = bank.workers(2)
    _, job, tasks = bank.planned(*workers)
    assert bank.update(job, tasks[workers[0]], "executing").ok

    shown = visitor("mia").get(f"/job/{job}")

    (first,), (second,) = (shown.all(f"#task-{tasks[worker]} .lane") for worker in workers)
    assert "executing" in str(first.attributes["aria-label"])
    assert str(second.attributes["aria-label"]).startswith("waits for")


def test_the_rules_that_chose_the_workers_are_named(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    (rule,) = bank.data(bank.get(f"/samplebank/v1/job/{job}/plan", "mia"))["rules"]

    shown = visitor("mia").get(f"/job/{job}").text()

    assert rule["name"] in shown
    assert rule["on"][0] in shown


def test_a_task_that_is_back_in_line_waits_until_now() -> None:
    (wait,) = way_of(task_of("enqueued", start=20), 40)

    assert (wait.begin, wait.end) == (10, 40)


@pytest.mark.parametrize(
    ("times", "kinds"),
    [
        ((None, None), ["wait"]),
        ((20, None), ["wait", "state"]),
        ((20, 30), ["wait", "state"]),
        ((None, 30), ["wait"]),
    ],
    ids=["waiting", "at work", "ended", "ended without a start"],
)
def test_a_way_has_the_wait_and_then_the_work(times: tuple[int | None, int | None], kinds: list[str]) -> None:
    start, end = times
    state = "executing" if end is None and start else "enqueued" if end is None else "failed"
    task = task_of(state, start=start, end=end)

    way = way_of(task, 40)

    assert [span.kind.replace(state, "state") for span in way] == kinds
    assert way[0].begin == 10
    assert way[-1].end == (end or 40)


def test_the_list_tells_states_by_number_and_jobs_by_their_tasks(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mia = visitor("mia")
    before = number_of(mia.get("/jobs"), "done")
    sample, job, tasks = bank.planned(worker, user="mia")
    assert bank.update(job, tasks[worker], "failed").ok

    shown = mia.get("/jobs")
    refused = mia.get("/jobs?q=tpye:x")

    (row,) = [row for row in shown.all("#list tbody tr") if sample.sha256 in (row.html or "")]
    assert f"{worker}: failed" in (row.html or "")
    assert number_of(shown, "done") == number_of(refused, "done") == before + 1


def test_a_job_has_the_name_of_the_submission_that_opened_the_job(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker, fileName="invoice.exe")
    assert bank.update(job, tasks[worker], "success").ok
    bank.submit(sample, fileName="renamed.exe", metaData=bank.plan(worker))
    mia = visitor("mia")

    rows = mia.get(f"/jobs?q=sample:{sample.sha256}").all("#list td.name")

    assert [row.text() for row in rows] == ["renamed.exe", "invoice.exe"]
    assert "invoice.exe" in mia.get(f"/job/{job}").text("h1")


def test_a_job_whose_submission_is_hidden_has_the_newest_name_that_the_visitor_sees(
    bank: Bank, visitor: Visitors
) -> None:
    (worker,) = bank.workers(1)
    mine, theirs = name_of("mine"), name_of("theirs")
    sample, *_ = bank.planned(worker, user="mia", fileName=mine)
    bank.submit(sample, "quinn", fileName=theirs, metaData=bank.plan(worker), tlp="green")

    def names(user: str) -> list[str]:
        shown = visitor(user).get(f"/jobs?q=sha256:{sample.sha256}").all("#list td.name")
        return [name.text() for name in shown]

    assert (names("mia"), names("quinn")) == ([mine], [theirs])


def number_of(shown: Shown, state: str) -> int:
    (chip,) = [node for node in shown.all("#states a") if node.text().startswith(state)]
    return int(chip.text().split()[1].replace(",", ""))
