"""Pages of operators: workers and their lines, failures by cause, and another try of a cause."""

import re
from typing import Any

import pytest

from kit.bank import ROBOT, Bank, Sample, eventually, name_of
from kit.visitor import Shown, Visitor
from samplebank.api.claims import LABEL
from samplebank.web.pages.workers import MOST_VERSIONS
from web.conftest import Visitors

pytestmark = pytest.mark.usefixtures("no_retries")


def alive(bank: Bank, worker: str, visitor: Visitor, version: str = "1.4") -> Shown:
    """The page of workers, as soon as a process of the worker that has asked for work is shown."""
    path, headers = f"/samplebank/v1/worker/{worker}/claim", {"User-Agent": f"urls/{version}", LABEL: version}
    assert bank.call("POST", path, ROBOT, json={"leaseSeconds": 60}, headers=headers).ok
    assert eventually(lambda: "alive" in visitor.get("/workers").text(f"#worker-{worker}"))
    return visitor.get("/workers")


def failed(bank: Bank, worker: str, message: str, user: str = "mia") -> tuple[Sample, str]:
    sample, job, tasks = bank.planned(worker, user=user)
    assert bank.update(job, tasks[worker], "failed", message=message).ok
    return sample, job


def form_of(shown: Shown, mark: str) -> dict[str, Any]:
    """The fields of the form of the cause with `mark`."""
    (row,) = [row for row in shown.all("tr[data-row]") if mark in row.text()]
    return {str(node.attributes["name"]): node.attributes["value"] for node in row.css("input")}


def test_a_worker_without_life_says_how_to_start_one(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    shown = visitor("chief").get("/workers").text(f"#worker-{worker}")

    assert "✗ none" in shown
    assert f"never: start a worker samplebank worker run {worker}" in shown


def test_the_service_itself_works_for_children(visitor: Visitors) -> None:
    assert "the service" in visitor("chief").get("/worker/children").text("dl")


def test_workers_that_tasks_wait_for_in_vain_come_first(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    rows = [row.text() for row in visitor("chief").get("/workers").all("tr[data-row]")]

    hopeless = ["never: start a worker" in row for row in rows]
    assert hopeless == sorted(hopeless, reverse=True)
    assert any(hopeless)


def test_live_processes_are_told_with_their_version(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)

    shown = alive(bank, worker, visitor("chief"))

    assert "● 1 alive 1.4" in shown.text(f"#worker-{worker}")


def test_processes_of_more_versions_than_are_told_are_counted(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    for version in range(MOST_VERSIONS + 2):
        shown = alive(bank, worker, visitor("chief"), f"1.{version}")

    line = f"#worker-{worker} td:nth-child(2)"
    assert eventually(lambda: "and 2 more of other versions" in visitor("chief").get("/workers").text(line))
    assert len(shown.all(f"{line} .presence")) == MOST_VERSIONS


def test_a_line_leads_to_its_waiting_jobs(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    chief = visitor("chief")
    (link,) = [str(a.attributes["href"]) for a in chief.get("/workers").all(f"#worker-{worker} .number a")]

    assert f"./job/{job}" in chief.get(f"/{link}").links()


def test_the_customers_that_wait_longest_are_named(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker, user="quinn")

    assert "quarry" in visitor("chief").get(f"/worker/{worker}").text()


def test_a_worker_is_shown_with_bars_of_its_tasks(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    failed(bank, worker, "no disk")

    shown = visitor("chief").get(f"/worker/{worker}")

    for chart in ("Tasks that ended", "Tasks that failed"):
        titles = [node.text() for node in shown.all(f"svg[aria-label='{chart}'] title")]
        assert len([title for title in titles if re.search(r": 1 tasks", title)]) == 1


def test_the_tasks_of_others_are_not_in_the_bars(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    failed(bank, worker, "no disk", user="quinn")

    shown = visitor("analyzer").get(f"/worker/{worker}")

    assert not [node for node in shown.all("svg title") if ": 1 tasks" in node.text()]


def test_failures_are_folded_by_cause_with_examples(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    jobs = [failed(bank, worker, f"{mark}: no disk of {size} MiB")[1] for size in range(2)]

    shown = visitor("mia").get(f"/failures?worker={worker}")

    (row,) = shown.all("tr[data-row]")
    assert f"{mark}: no disk of <number> MiB" in row.text()
    assert {f"./job/{job}" for job in jobs} <= set(shown.links())


def test_the_failures_of_a_worker_are_counted_alone(bank: Bank, visitor: Visitors) -> None:
    worker, other = bank.workers(2)
    mark = name_of("mark").replace("-", "")
    for one in (worker, worker, other):
        failed(bank, one, f"{mark}: no disk")

    shown = visitor("mia").get(f"/failures?worker={worker}")

    assert "2 tasks since" in shown.text("h1")
    assert [row.css("td")[0].text() for row in shown.all("tr[data-row]")] == ["2"]


def test_failures_of_others_are_not_shown(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    failed(bank, worker, "no disk")

    assert not visitor("quinn").get(f"/failures?worker={worker}").all("tr[data-row]")


def test_another_try_analyses_the_samples_of_the_cause_and_of_no_other(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mark, other = (name_of("mark").replace("-", "") for _ in range(2))
    samples = [failed(bank, worker, f"{mark} {number}")[0] for number in range(2)]
    left, _ = failed(bank, worker, other)
    foreign, _ = failed(bank, worker, f"{mark} 3", user="quinn")
    mia = visitor("mia")

    shown = mia.post("/failures/retry", form_of(mia.get("/failures"), mark))

    assert re.search(r"/failures/retry/[-0-9a-f]{36}$", shown.response.url)
    assert "Samples 2" in shown.text("dl")
    assert eventually(lambda: all(len(bank.jobs_of(sample)) == 2 for sample in samples))
    assert [len(bank.jobs_of(sample)) for sample in (left, foreign)] == [1, 1]


def test_a_form_that_is_sent_twice_leads_to_the_same_task(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    failed(bank, worker, mark)
    mia = visitor("mia")
    form = form_of(mia.get("/failures"), mark)

    first, second = (mia.post("/failures/retry", form, follow=False) for _ in range(2))

    assert first.response.headers["Location"] == second.response.headers["Location"]


def test_what_has_been_tried_again_is_not_tried_once_more(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    sample, _ = failed(bank, worker, mark)
    mia = visitor("mia")
    assert mia.post("/failures/retry", form_of(mia.get("/failures"), mark)).status == 200
    assert eventually(lambda: len(bank.jobs_of(sample)) == 2)

    shown = mia.post("/failures/retry", form_of(mia.get("/failures"), mark))

    assert shown.status == 409
    assert "has been tried again" in shown.text()


@pytest.mark.parametrize("fields", [{}, {"cause": "x", "key": "y", "days": "many"}], ids=["empty", "wrong"])
def test_a_form_without_a_cause_says_what_to_do(visitor: Visitors, fields: dict[str, str]) -> None:
    shown = visitor("mia").post("/failures/retry", fields)

    assert shown.status == 400
    assert "load the page of failures again" in shown.text()


def retried(bank: Bank, visitor: Visitor) -> tuple[Shown, Sample]:
    """The page of a retry that is under way, and its only sample."""
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    sample, _ = failed(bank, worker, mark)
    shown = visitor.post("/failures/retry", form_of(visitor.get("/failures"), mark))
    assert eventually(lambda: len(bank.jobs_of(sample)) == 2)
    return shown, sample


def test_a_retry_is_aborted_once_and_its_open_jobs_go_on(bank: Bank, visitor: Visitors) -> None:
    mia = visitor("mia")
    shown, sample = retried(bank, mia)
    (form,) = shown.all("#retry form")
    path = f"/failures/retry/{str(form.attributes['action']).split('failures/retry/')[1]}"

    aborted = [mia.post(path) for _ in range(2)]

    assert [one.status for one in aborted] == [200, 200]
    assert "aborted" in aborted[-1].text("h1")
    assert "Aborted by mia." in aborted[-1].text()
    assert not aborted[-1].all("#retry form")
    assert sorted(job["state"] for job in bank.jobs_of(sample)) == ["done", "enqueued"]


def test_the_retry_of_another_user_is_not_aborted(bank: Bank, visitor: Visitors) -> None:
    mia = visitor("mia")
    path = retried(bank, mia)[0].response.url.removeprefix(mia.url)

    refused = visitor("chief").post(f"{path}/abort")

    assert refused.status == 404
    assert "aborted" not in mia.get(path).text("h1")


def test_the_retry_of_another_user_looks_like_a_missing_one(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    failed(bank, worker, mark)
    mia = visitor("mia")
    task = mia.post("/failures/retry", form_of(mia.get("/failures"), mark)).response.url.rsplit("/", 1)[1]

    assert visitor("chief").get(f"/failures/retry/{task}").status == 404
