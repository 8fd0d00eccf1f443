"""Lanes: in the line of a customer who waits comes first, and bulk work lets pass what comes in."""

from typing import Any

import pytest

from kit.bank import Bank, Sample, eventually, fields_of
from kit.children import Parent, planned_path
from samplebank.database import Database

#: half of SAMPLEBANK_JOB_TIMEOUT_ENQUEUED, in milliseconds
HALF = 1_800_000


class Queue:
    """The line of a customer for one worker."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        (self.worker,) = bank.workers(1)
        self.plan = bank.plan(self.worker)
        self.samples: list[str] = []

    def submit(self, lane: str | None = None, **fields: Any) -> Sample:
        sample = Sample()
        self.bank.submit(sample, lane=lane, metaData=self.plan, **fields)
        self.samples.append(sample.sha256)
        return sample

    def claimed(self) -> list[int]:
        """The samples in the order in which they are handed out, by their number."""
        claims = [self.bank.claim(self.worker) for _ in range(len(self.samples) + 1)]
        return [self.samples.index(claim["sample"]["id"]) for (claim,) in filter(None, claims)]

    def finish(self, sample: Sample) -> None:
        (job,) = (one["id"] for one in self.bank.jobs_of(sample) if one["state"] != "done")
        self.bank.data(self.bank.update(job, self.bank.tasks_of(job)[self.worker], "success"))


@pytest.fixture
def queue(bank: Bank) -> Queue:
    return Queue(bank)


def test_who_waits_comes_first_and_bulk_work_last_and_the_oldest_first_in_each_lane(queue: Queue) -> None:
    for lane in ("bulk", None, "waiting", "bulk", "ordinary", "waiting"):
        queue.submit(lane)

    assert queue.claimed() == [2, 5, 1, 4, 0, 3]


def test_a_claim_of_many_tasks_hands_out_in_the_same_order(queue: Queue) -> None:
    for lane in ("bulk", None, "waiting"):
        queue.submit(lane)

    claims = queue.bank.claim(queue.worker, most=3)

    assert [queue.samples.index(claim["sample"]["id"]) for claim in claims] == [2, 1, 0]


async def test_bulk_work_begins_when_half_of_its_time_is_over(queue: Queue, database: Database) -> None:
    for lane in ("bulk", None):
        queue.submit(lane)
    async with database.connection() as db:
        await db.execute(
            "UPDATE job_task SET enqueued_time = enqueued_time - $2 WHERE worker = $1 AND shift > 0",
            queue.worker,
            HALF + 60_000,
        )

    assert queue.claimed() == [0, 1]


def test_the_people_of_one_customer_do_not_pass_the_tasks_of_another(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    for _ in range(4):
        bank.submit(lane="waiting", metaData=plan)
    theirs = bank.submit(user="quinn", lane="bulk", metaData=plan)["sampleSha256"]

    claimed = [bank.claim(worker)[0]["sample"]["id"] for _ in range(2)]

    assert theirs in claimed


def test_a_job_that_somebody_else_waits_for_moves_up(queue: Queue) -> None:
    first, late = queue.submit(), queue.submit("bulk")

    queue.bank.submit(late, lane="waiting", metaData=queue.plan)

    assert len(queue.bank.jobs_of(late)) == 1
    assert queue.claimed() == [queue.samples.index(late.sha256), queue.samples.index(first.sha256)]


def test_a_job_that_is_joined_by_less_urgent_work_stays_where_it_is(queue: Queue) -> None:
    queue.submit()
    waited_for = queue.submit("waiting")

    queue.bank.submit(waited_for, lane="bulk", metaData=queue.plan)

    assert queue.claimed() == [1, 0]


def test_a_file_in_one_request_takes_the_lane_too(queue: Queue) -> None:
    queue.submit()
    (key, value), sample = *queue.plan.items(), Sample()

    answer = queue.bank.call(
        "POST",
        "/samplebank/v1/sample",
        "mia",
        params={"fileName": "a", f"meta.{key}": value},
        data=sample.data,
        headers={"Samplebank-Lane": "waiting"},
    )

    assert answer.status_code == 201
    queue.samples.append(sample.sha256)
    assert queue.claimed() == [1, 0]


@pytest.mark.parametrize("lane", ["urgent", "", "waiting, bulk"])
def test_an_unknown_lane_is_refused_with_everything_else_at_fault(bank: Bank, lane: str) -> None:
    sample = Sample()
    body = bank.submission_body(bank.token(sample), retention="now - 1 day")

    refused = bank.call(
        "POST", f"{sample.path}/submission", "mia", json=body, headers={"Samplebank-Lane": lane}
    )

    assert refused.status_code == 412
    assert fields_of(refused) == {"Samplebank-Lane", "retention"}


def test_a_reanalysis_of_a_sample_is_waited_for(queue: Queue) -> None:
    again = queue.submit()
    queue.bank.claim(queue.worker)
    queue.finish(again)
    queue.submit()

    queue.bank.data(queue.bank.put(f"{again.path}/reanalyse", user="mia"))

    assert queue.claimed() == [0, 1]


def test_a_reanalysis_by_somebody_of_another_customer_lets_the_tasks_of_the_customer_pass(
    queue: Queue,
) -> None:
    shared = queue.submit(user="quinn", tlp="clear")
    queue.bank.claim(queue.worker)
    queue.finish(shared)

    queue.bank.data(queue.bank.put(f"{shared.path}/reanalyse", user="mia"))

    queue.submit(user="quinn")
    assert queue.claimed() == [1, 0]


def test_a_reanalysis_of_all_matches_lets_pass_what_comes_in(queue: Queue) -> None:
    again = queue.submit()
    queue.bank.claim(queue.worker)
    queue.finish(again)
    criteria = {"submission": [{"metaData": [{"value": list(queue.plan.values())}]}]}
    queue.bank.data(queue.bank.post("/samplebank/v1/sample/reanalyse", criteria, "mia"))
    assert eventually(lambda: len(queue.bank.jobs_of(again)) == 2)

    queue.submit()

    assert queue.claimed() == [1, 0]


@pytest.mark.parametrize(("lane", "order"), [("waiting", [1, 0]), ("bulk", [0, 1]), (None, [0, 1])])
def test_a_child_stands_in_the_lane_of_its_parent(queue: Queue, lane: str | None, order: list[int]) -> None:
    parent = Parent(queue.bank, lane=lane)
    queue.submit()
    child = Sample()

    parent.add(child.data, path=planned_path(queue.bank, queue.worker))

    queue.samples.append(child.sha256)
    assert queue.claimed() == order


def test_why_tells_the_place_in_the_line_and_how_long_bulk_work_lets_pass(queue: Queue) -> None:
    bank = queue.bank
    bulk = queue.submit("bulk")
    for lane in (None, "waiting"):
        queue.submit(lane)
    bank.claim(queue.worker)
    (job,) = bank.jobs_of(bulk)

    def why() -> dict[str, Any]:
        told: dict[str, Any] = bank.data(bank.get(f"/samplebank/v1/job/{job['id']}/why", "mia"))
        return told

    assert eventually(lambda: why()["cause"] == "inLine")
    assert [one["place"] for one in why()["tasks"]] == [2]
    assert "As bulk work, the task lets pass what comes in before" in why()["because"]


def test_people_do_not_hide_how_long_the_others_wait(queue: Queue) -> None:
    first = queue.submit()
    queue.submit("waiting")

    lines = queue.bank.data(queue.bank.get("/samplebank/v1/workers"))

    (line,) = (one for one in lines if one["shortName"] == queue.worker)
    (job,) = queue.bank.jobs_of(first)
    assert line["waitingSinceTimestamp"] == job["enqueuedTimestamp"]
