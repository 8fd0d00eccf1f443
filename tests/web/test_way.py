"""The way of a sample on its page: submissions, jobs and tasks on scales of time."""

from kit.bank import Bank
from samplebank.web.way import MOST_TASKS
from web.conftest import Visitors


def test_submissions_and_jobs_stand_on_one_scale(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker, user="mia")
    bank.update(job, tasks[worker], "success")
    bank.submit(sample, "mia", fileName="again.exe")
    again = bank.data(bank.put(f"{sample.path}/reanalyse", user="mia"))["id"]

    way = visitor("mia").get(f"/sample/{sample.sha256}").all("#way")[0]

    assert len(way.css("rect.seen")) == 2
    assert "mill 2\N{MULTIPLICATION SIGN}" in " ".join(way.text(separator=" ").split())
    linked = [str(node.attributes["href"]).rpartition("/")[2] for node in way.css("svg a")]
    assert linked == [job, again]
    assert "1 earlier job" in way.css("details summary")[0].text()


def test_the_tasks_of_the_newest_job_are_drawn_with_their_attempts(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    sample, _, _ = bank.planned(worker, user="mia")
    (claimed,) = bank.claim(worker)
    assert bank.release(claimed, "no disk").ok

    (row,) = visitor("mia").get(f"/sample/{sample.sha256}").all("#way table + h3 + table tbody tr")

    assert [worker in row.text(), "1 attempt before" in row.text(), len(row.css("rect.wait"))] == [
        True,
        True,
        1,
    ]


def test_more_tasks_than_the_page_shows_are_told(bank: Bank, visitor: Visitors) -> None:
    sample, job, _ = bank.planned(*bank.workers(MOST_TASKS + 2), user="mia")

    shown = visitor("mia").get(f"/sample/{sample.sha256}")

    assert "and 2 more" in shown.text("#way")
    assert f"../job/{job}" in shown.links()
    assert "not shown here" not in visitor("mia").get(f"/job/{job}").text()


def test_who_may_not_see_the_customer_sees_nothing_of_the_way(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    sample, _, _ = bank.planned(worker, user="mia")
    bank.submit(sample, "quinn")

    way = visitor("quinn").get(f"/sample/{sample.sha256}").text("#way")

    assert "quarry 1\N{MULTIPLICATION SIGN}" in way
    assert "mill" not in way


def test_more_submissions_and_jobs_than_the_page_shows_are_not_told_as_all(
    bank: Bank, visitor: Visitors
) -> None:
    sample = bank.submitted(user="mia")
    for number in range(10):
        bank.submit(sample, "mia", fileName=f"again-{number}.exe")
    for _ in range(11 - len(bank.jobs_of(sample))):
        (worker,) = bank.workers(1)
        bank.submit(sample, "mia", fileName=f"{worker}.exe", metaData=bank.plan(worker))

    shown = visitor("mia").get(f"/sample/{sample.sha256}")

    assert "the newest 10 : mill 10\N{MULTIPLICATION SIGN}" in shown.text("#way")
    assert "more than 10 , the newest" in shown.text("#way")
    assert {f"../sample/{sample.sha256}/sightings", f"../jobs?q=sample:{sample.sha256}"} <= set(shown.links())
