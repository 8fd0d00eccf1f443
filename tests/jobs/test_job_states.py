"""The state machine of jobs and tasks, through the API."""

from functools import partial
from uuid import uuid4

import asyncpg
import pytest

from kit.bank import Bank, fields_of, together
from samplebank.database import Database

FINAL = ["success", "failed", "cancelled"]


def test_a_job_starts_with_its_first_task(bank: Bank) -> None:
    one, two = bank.workers(2)
    _, job, tasks = bank.planned(one, two)

    bank.update(job, tasks[one], "executing")

    assert bank.job(job)["state"] == "executing"
    assert bank.task(job, tasks[two])["state"] == "enqueued"


def test_a_job_is_done_with_its_last_task(bank: Bank) -> None:
    one, two = bank.workers(2)
    _, job, tasks = bank.planned(one, two)
    bank.update(job, tasks[one], "success")

    bank.update(job, tasks[two], "failed")

    assert bank.job(job)["state"] == "done"


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("other", ["executing", *FINAL])
def test_final_is_final(bank: Bank, final: str, other: str) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    before = bank.data(bank.update(job, tasks[worker], final))

    again = bank.update(job, tasks[worker], other)

    assert again.status_code == (200 if other == final else 412)
    assert bank.task(job, tasks[worker]) == before


def test_an_end_is_repeated_with_the_same_analyses_only(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    first, other = bank.analyse(sample, worker), bank.analyse(sample, worker)
    bank.data(bank.update(job, tasks[worker], "success", analyses=[first]))

    answers = [
        bank.update(job, tasks[worker], "success", analyses=named)
        for named in ([first], [other], [first, other], [])
    ]

    assert [answer.status_code for answer in answers] == [200, 412, 412, 412]
    assert fields_of(answers[1]) == {"analyses"}


def test_the_api_cannot_time_a_task_out(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)

    refused = bank.update(job, tasks[worker], "timeout")

    assert refused.status_code == 412
    assert fields_of(refused) == {"state"}


def test_all_analyses_of_other_samples_are_refused_at_once_and_nothing_changes(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    foreign, unknown = bank.analyse(bank.submitted(), worker), str(uuid4())
    named = [foreign, bank.analyse(sample, worker), unknown]

    refused = bank.update(job, tasks[worker], "success", analyses=named)

    assert (refused.status_code, fields_of(refused)) == (412, {"analyses[0]", "analyses[2]"})
    assert foreign in refused.text
    assert unknown in refused.text
    assert bank.task(job, tasks[worker])["state"] == "enqueued"


def test_eight_tasks_that_end_at_once_end_the_job_once(bank: Bank) -> None:
    workers = bank.workers(8)
    sample, job, tasks = bank.planned(*workers)

    together([partial(bank.update, job, task, "success") for task in tasks.values()])

    assert bank.job(job)["state"] == "done"
    assert len(bank.verdicts_of(sample)) == 1


def test_of_contradicting_updates_at_once_one_wins(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)

    answers = together([partial(bank.update, job, tasks[worker], state) for state in FINAL * 3])

    won = bank.task(job, tasks[worker])["state"]
    assert [answer.status_code == 200 for answer in answers] == [state == won for state in FINAL * 3]
    assert len(bank.verdicts_of(sample)) == 1


def test_submissions_at_once_open_one_job(bank: Bank) -> None:
    sample, plan = bank.submitted(), bank.plan(*bank.workers(2))
    bodies = [bank.submission_body(bank.token(sample), metaData=plan) for _ in range(6)]
    known = len(bank.jobs_of(sample))

    answers = together([partial(bank.post, f"{sample.path}/submission", body, "mia") for body in bodies])

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len(bank.jobs_of(sample)) == known + 1


def test_two_customers_have_jobs_of_their_own(bank: Bank) -> None:
    sample, plan = bank.submitted(), bank.plan(*bank.workers(1))
    bank.submit(sample, "mia", metaData=plan)
    bank.submit(sample, "hana", metaData=plan)

    seen = bank.jobs_of(sample, "hana")

    assert [job["customer"]["shortName"] for job in seen] == ["harbour"]


def test_reanalysis_answers_the_unfinished_job(bank: Bank) -> None:
    sample = bank.submitted()
    (job,) = bank.jobs_of(sample)

    again = bank.data(bank.put(f"{sample.path}/reanalyse", user="mia"))

    assert again["id"] == job["id"]


async def is_refused(bank: Bank, database: Database, change: str) -> None:
    """Assert that the database refuses the change of a new job, or of the task of the job."""
    _, job, _ = bank.planned(*bank.workers(1))

    async with database.connection() as db:
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute(change, job)


@pytest.mark.parametrize(
    "change",
    ["state = 'executing'", "state = 'done'", "state = 'lost'", "end_time = 1"],
    ids=["no start", "no end", "no state", "an end too early"],
)
async def test_the_database_keeps_a_state_apart_from_times_that_do_not_fit(
    bank: Bank, database: Database, change: str
) -> None:
    await is_refused(bank, database, f"UPDATE job SET {change} WHERE id = $1")


@pytest.mark.parametrize(
    "change",
    ["state = 'success'", "state = 'lost'", "end_time = 1", "lease_token = gen_random_uuid()"],
    ids=["no end", "no state", "an end too early", "a lease of a waiting task"],
)
async def test_the_database_keeps_a_task_apart_from_times_that_do_not_fit(
    bank: Bank, database: Database, change: str
) -> None:
    await is_refused(bank, database, f"UPDATE job_task SET {change} WHERE job_id = $1")
