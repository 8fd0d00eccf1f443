"""What arrived, by hour, customer and class of the latest verdict."""

import time
from typing import Any
from uuid import UUID

import pytest
from bench.tenants import Tenants

from kit.bank import Bank, Sample, fields_of
from samplebank.accounts.caller import Caller
from samplebank.database import Database
from samplebank.search.arrivals import MOST_OF_CHART, ArrivedInHour, arrivals, chart
from samplebank.submissions.tally import SHOWN

ARRIVALS = "/samplebank/v1/arrivals"
# In the service the time of a submission never changes. So no trigger tells the tallies.
MOVE = f"""
    WITH gone AS ({SHOWN.rows} AND id = $1),
    moved AS (UPDATE submission SET submitted_time = $2 WHERE id = $1),
    told AS (INSERT INTO submission_tally_change SELECT time, -1 FROM gone UNION ALL VALUES ($2::bigint, 1))
    INSERT INTO submission_reader_tally_change
    SELECT time, readers, -1 FROM gone UNION ALL SELECT $2::bigint, readers, 1 FROM gone
"""
CLASSES = ("malicious", "suspicious", "benign")
HOUR = 3_600_000
#: hours over which customers have fewer submissions than a chart looks at, and all customers have more
FEW, MANY = 24, 14 * 24
COUNTED = "SELECT submitted_time / $1 * $1, count(*) FROM submission WHERE submitted_time >= $2 GROUP BY 1"


@pytest.fixture
def now() -> int:
    return time.time_ns() // 1_000_000


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
    came = submission["submittedTimestamp"]
    earlier = came - 30 * 3_600_000
    async with database.transaction() as db:
        await db.execute(MOVE, UUID(submission["id"]), earlier)
    hour = earlier // 3_600_000 * 3_600_000

    told = {one["startTimestamp"] for one in bank.data(bank.get(ARRIVALS, "hana", hours=31))["hours"]}

    assert hour in told
    assert hour not in {
        one["startTimestamp"] for one in bank.data(bank.get(ARRIVALS, "hana", hours=30))["hours"]
    }


@pytest.mark.parametrize("caller", ["admin", "one", "most", "mixed"])
async def test_a_chart_sums_up_the_customers(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], now: int, caller: str
) -> None:
    asked = {"since": (now // HOUR - 2 * FEW) * HOUR, "malicious_score": 70}

    async with filled[0].connection() as db:
        told = await arrivals(db, callers[caller], **asked)
        drawn = await chart(db, callers[caller], **asked)

    assert told.is_complete
    assert (drawn.judged_since, drawn.is_complete) == (told.since, True)
    assert drawn.hours == {
        hour: ArrivedInHour(*(sum(column) for column in zip(*numbers, strict=True)))
        for hour in {one.hour for one in told.arrived}
        if (numbers := [(one.submissions, *one[4:]) for one in told.arrived if one.hour == hour])
    }


async def test_who_sees_everything_gets_a_chart_of_everything(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], now: int
) -> None:
    since = (now // HOUR - MANY) * HOUR

    async with filled[0].connection() as db:
        drawn = await chart(db, callers["admin"], since=since, malicious_score=70)
        counted = dict(await db.fetch(COUNTED, HOUR, since))

    assert drawn.is_complete
    assert {hour: one.submissions for hour, one in drawn.hours.items()} == counted
    assert drawn.judged_since > since
    assert 0 < sum(sum(one[1:]) for one in drawn.hours.values()) <= MOST_OF_CHART < sum(counted.values())


async def test_a_chart_of_many_customers_tells_the_newest(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], now: int
) -> None:
    async with filled[0].connection() as db:
        since = (now // HOUR - MANY) * HOUR
        drawn = await chart(db, callers["most"], since=since, malicious_score=70)

    assert not drawn.is_complete
    assert sum(one.submissions for one in drawn.hours.values()) == MOST_OF_CHART
    assert drawn.judged_since // HOUR * HOUR == min(drawn.hours)


def test_each_bad_bound_is_named(bank: Bank) -> None:
    answer = bank.get(ARRIVALS, hours=337)

    assert (answer.status_code, fields_of(answer)) == (412, {"hours"})
