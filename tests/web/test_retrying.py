"""Several jobs are tried again from the list of jobs: the selected jobs, or all that match a query."""

from typing import Any

import pytest

from kit.bank import Bank, Sample, eventually
from kit.visitor import Shown, Visitor
from web.conftest import Visitors

pytestmark = pytest.mark.usefixtures("no_retries")
NO_JOB = "00000000-0000-0000-0000-000000000000"


def failed(bank: Bank, worker: str, number: int, user: str = "mia") -> list[tuple[Sample, str]]:
    """Samples with their jobs, whose only task has failed."""
    found = []
    for _ in range(number):
        sample, job, tasks = bank.planned(worker, user=user)
        assert bank.update(job, tasks[worker], "failed", message="no disk").ok
        found.append((sample, job))
    return found


def key_of(shown: Shown) -> str:
    return str(shown.all("input[name=key]")[0].attributes["value"])


def retried(visitor: Visitor, *jobs: str, **fields: Any) -> Shown:
    return visitor.post("/jobs/retry", {"job": jobs, "key": key_of(visitor.get("/jobs")), **fields})


def numbers(bank: Bank, *samples: Sample) -> list[int]:
    """The number of jobs of each of the samples."""
    return [len(bank.jobs_of(sample)) for sample in samples]


def test_selected_jobs_are_tried_again_and_no_others(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    (first, one), (second, two), (left, _) = failed(bank, worker, 3)

    shown = retried(visitor("mia"), one, two)

    assert "Samples 2" in shown.text("dl")
    assert eventually(lambda: numbers(bank, first, second) == [2, 2])
    assert numbers(bank, left) == [1]


def test_every_job_of_the_list_can_be_selected(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    jobs = [job for _, job in failed(bank, worker, 2)]

    shown = visitor("mia").get(f"/jobs?q=worker:{worker}")

    assert [node.attributes["value"] for node in shown.all("tbody input[name=job]")] == jobs[::-1]


def test_all_jobs_that_a_query_finds_are_tried_again_by_one_task(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    found = failed(bank, worker, 3)
    foreign = failed(bank, worker, 1, user="quinn")
    mia, query = visitor("mia"), f"worker:{worker} state:done"
    listed = mia.get(f"/jobs?q={query}")

    pages = [mia.post("/jobs/retry-all", {"q": query, "key": key_of(listed)}) for _ in range(2)]

    assert "All 3 that match" in listed.text(".actions")
    assert len({page.response.url for page in pages}) == 1
    assert "Samples 3" in pages[0].text("dl")
    assert eventually(lambda: numbers(bank, *(sample for sample, _ in found)) == [2, 2, 2])
    assert numbers(bank, *(sample for sample, _ in foreign)) == [1]


def test_jobs_of_one_sample_are_tried_again_once(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    ((sample, job),) = failed(bank, worker, 1)
    retried(visitor("mia"), job)
    assert eventually(lambda: numbers(bank, sample) == [2])

    shown = retried(visitor("mia"), *(one["id"] for one in bank.jobs_of(sample)))

    assert "Samples 1" in shown.text("dl")


def test_another_selection_of_the_same_page_is_another_task(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    (_, one), (_, two) = failed(bank, worker, 2)
    mia = visitor("mia")
    key = key_of(mia.get("/jobs"))

    tasks = [retried(mia, *jobs, key=key).response.url for jobs in ([one], [two], [one])]

    assert tasks[0] == tasks[2] != tasks[1]
    assert all("/failures/retry/" in task for task in tasks)


def test_a_foreign_job_looks_like_a_missing_job(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    ((_, foreign),) = failed(bank, worker, 1, user="quinn")

    shown = [retried(visitor("mia"), job) for job in (foreign, NO_JOB)]

    assert [one.status for one in shown] == [404, 404]
    assert shown[0].text() == shown[1].text()


def test_a_foreign_job_among_own_jobs_is_passed_over(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    ((_, own),) = failed(bank, worker, 1)
    ((_, foreign),) = failed(bank, worker, 1, user="quinn")
    mia = visitor("mia")

    shown = [retried(mia, own, other) for other in (foreign, NO_JOB)]

    assert ["Samples 1" in one.text("dl") for one in shown] == [True, True]


def test_who_may_only_look_is_offered_no_other_try(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    ((_, job),) = failed(bank, worker, 1)
    viewer = visitor("viewer")

    assert not viewer.get(f"/jobs?q=worker:{worker}").all("main input[type=checkbox], .actions")
    for path, fields in {"/jobs/retry": {"job": job}, "/jobs/retry-all": {"q": "state:done"}}.items():
        assert viewer.post(path, {**fields, "key": "0" * 32}, follow=False).status == 403


@pytest.mark.parametrize(
    ("path", "fields", "remedy"),
    [
        ("/jobs/retry", {"key": "0" * 32}, "mark the jobs"),
        ("/jobs/retry", {"job": "nonsense", "key": "0" * 32}, "load the page again"),
        ("/jobs/retry", {"job": NO_JOB, "key": "nonsense"}, "load the page again"),
        ("/jobs/retry", {"job": [f"{n:032x}" for n in range(101)], "key": "0" * 32}, "select fewer"),
        ("/jobs/retry-all", {"q": " ", "key": "0" * 32}, "search first"),
        ("/jobs/retry-all", {"q": "state:lost", "key": "0" * 32}, "state"),
    ],
    ids=["none", "no id", "no key", "too many", "no query", "mistake"],
)
def test_a_form_with_a_mistake_says_what_to_do(
    visitor: Visitors, path: str, fields: dict[str, Any], remedy: str
) -> None:
    shown = visitor("mia").post(path, fields)

    assert shown.status == 400
    assert remedy in shown.text()
