"""What arrived, by hour, customer and class of the latest verdict."""

from typing import Any
from uuid import UUID

import pytest

from kit.bank import Bank, Sample, fields_of
from samplebank.database import Database

ARRIVALS = "/samplebank/v1/arrivals"
# In the service the time of a submission never changes. So no trigger tells the tally.
MOVE = "UPDATE submission SET submitted_time = $2 WHERE id = $1"
TELL_TALLY = "INSERT INTO submission_tally_change VALUES ($1, -1), ($2, 1)"
CLASSES = ("malicious", "suspicious", "benign")


def arrived(bank: Bank, user: str, **query: Any) -> dict[str, int]:
    """The sums over the hours, for the customer of the user."""
    hours = bank.data(bank.get(ARRIVALS, user, **query))["hours"]
    return {name: sum(hour[name] for hour in hours) for name in ("submissions", *CLASSES)}


def more(bank: Bank, before: dict[str, int], user: str) -> dict[str, int]:
    return {
        name: number - before[name] for name, number in arrived(bank, user).items() if number > before[name]
    }


def judged(bank: Bank, score: int) -> Sample:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker, user="hana")
    analysis = bank.analyse(sample, worker, score, customer="harbour")
    assert bank.update(job, tasks[worker], "success", analyses=[analysis]).ok
    return sample


@pytest.mark.parametrize(
    ("score", "class_"),
    [(100, "malicious"), (70, "malicious"), (69, "suspicious"), (30, "suspicious"), (29, "benign")],
)
def test_an_arrival_is_of_the_class_of_the_verdict(bank: Bank, score: int, class_: str) -> None:
    before = arrived(bank, "hana")

    judged(bank, score)

    assert more(bank, before, "hana") == {"submissions": 1, class_: 1}


def test_an_arrival_without_a_verdict_is_of_no_class(bank: Bank) -> None:
    before = arrived(bank, "hana")

    bank.planned(*bank.workers(1), user="hana")

    assert more(bank, before, "hana") == {"submissions": 1}


def test_a_later_verdict_moves_all_arrivals_of_the_sample(bank: Bank) -> None:
    sample = judged(bank, 90)
    bank.submit(sample, "hana", fileName="again")
    before = arrived(bank, "hana")

    assert bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": "A test file."}).ok

    after = arrived(bank, "hana")
    assert after["malicious"] == before["malicious"] - 2
    assert after["benign"] == before["benign"] + 2


def test_arrivals_of_other_customers_are_not_told(bank: Bank) -> None:
    before = arrived(bank, "hana")

    bank.submitted("quinn")

    assert more(bank, before, "hana") == {}
    told = bank.data(bank.get(ARRIVALS, "hana"))["hours"]
    assert {hour["customer"]["shortName"] for hour in told} <= {"harbour"}


async def test_arrivals_are_counted_in_the_hour_in_which_they_came(bank: Bank, database: Database) -> None:
    submission = bank.submit(user="hana")
    time = submission["submittedTimestamp"]
    earlier = time - 30 * 3_600_000
    async with database.transaction() as db:
        await db.execute(MOVE, UUID(submission["id"]), earlier)
        await db.execute(TELL_TALLY, time, earlier)
    hour = earlier // 3_600_000 * 3_600_000

    told = {one["startTimestamp"] for one in bank.data(bank.get(ARRIVALS, "hana", hours=31))["hours"]}

    assert hour in told
    assert hour not in {
        one["startTimestamp"] for one in bank.data(bank.get(ARRIVALS, "hana", hours=30))["hours"]
    }


def test_each_bad_bound_is_named(bank: Bank) -> None:
    answer = bank.get(ARRIVALS, hours=337)

    assert (answer.status_code, fields_of(answer)) == (412, {"hours"})
