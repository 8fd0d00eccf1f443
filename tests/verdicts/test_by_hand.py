"""A verdict by hand counts for the customers of its author, and names the author to nobody else."""

from typing import Any

import pytest

from kit.bank import ROBOT, V2, Bank, Sample, name_of
from kit.rules import RULES
from samplebank.accounts.caller import Scope
from samplebank.assembly import clock
from samplebank.database import Database
from samplebank.verdicts.by_hand import Judge, set_verdict
from verdicts.judging import analysed, judge

FIND = "SELECT id FROM sample WHERE sha256 = $1"
ACTIVE_SINCE_JUDGED = """
    SELECT s.activity_time >= v.created_time FROM sample s JOIN verdict v ON v.id = s.verdict_id WHERE s.sha256 = $1
"""
SOMEBODY = "SELECT min(id) FROM subject"


def test_it_needs_the_permission_for_every_customer_that_has_the_sample(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.submit(sample, "quinn")

    by_one = judge(bank, sample, "analyzer")
    by_all = judge(bank, sample, ROBOT)

    assert (by_one.status_code, by_all.status_code) == (403, 201)


def test_a_customer_who_gets_the_sample_later_is_not_bound_by_it(bank: Bank) -> None:
    sample = bank.submitted("mia")
    assert judge(bank, sample, "analyzer").status_code == 201
    carried = analysed(bank, sample, "mia", 95)

    verdict = analysed(bank, sample, "quinn", 95, customer="quarry")

    assert carried["statusOverride"] == "benign"
    assert "statusOverride" not in verdict
    assert verdict["score"] == 95


def test_it_stays_in_force_for_customers_of_its_author(bank: Bank) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, ROBOT)

    verdict = analysed(bank, sample, "quinn", 95, customer="quarry")

    assert verdict["statusOverride"] == "benign"


def test_the_verdict_of_an_author_for_everybody_stays_in_force(bank: Bank) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, "chief")

    verdict = analysed(bank, sample, "hana", 95, customer="harbour")

    assert verdict["statusOverride"] == "benign"


async def judged_late(database: Database, sample: Sample, status: str) -> None:
    """Store the verdict of a request that began a minute ago, and waited for the sample."""
    async with database.transaction() as db:
        sample_id = await db.fetchval(FIND, bytes.fromhex(sample.sha256))
        judge = Judge(await db.fetchval(SOMEBODY), Scope(everywhere=True), "known here")
        await set_verdict(db, sample_id, status, judge, rules=RULES, now=clock() - 60_000)


async def test_of_two_who_judge_at_once_the_last_to_be_stored_is_the_latest_and_is_carried(
    bank: Bank, database: Database
) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, ROBOT, "benign")

    await judged_late(database, sample, "malicious")

    assert [one["statusOverride"] for one in bank.verdicts_of(sample)] == ["malicious", "benign"]
    assert bank.data(bank.get(sample.path))["latestVerdict"]["statusOverride"] == "malicious"
    assert analysed(bank, sample, "mia", 10)["statusOverride"] == "malicious"


async def test_a_sample_is_active_no_earlier_than_its_latest_verdict(bank: Bank, database: Database) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, ROBOT, "benign")

    await judged_late(database, sample, "malicious")

    async with database.connection() as db:
        assert await db.fetchval(ACTIVE_SINCE_JUDGED, bytes.fromhex(sample.sha256))


@pytest.mark.parametrize(("user", "told"), [("mia", True), ("quinn", False)])
def test_who_judged_is_told_to_the_customers_of_the_author_only(bank: Bank, user: str, told: bool) -> None:  # noqa: FBT001 a table
    sample = bank.submitted("mia")
    judge(bank, sample, "analyzer")
    bank.submit(sample, "quinn")

    (verdict,) = bank.verdicts_of(sample, user)
    (shown,) = [bank.data(bank.get(sample.path, user))["latestVerdict"]]

    assert verdict["statusOverride"] == shown["statusOverride"] == "benign"
    assert ("comment" in verdict, "createdByUser" in verdict) == (told, told)
    assert ("comment" in shown, "createdByUser" in shown) == (told, told)


def failed_beside(bank: Bank, customer: str) -> dict[str, Any]:
    """The verdict of a failed task, where somebody has added an analysis of `customer` under the worker's name."""
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.submit(sample, "quinn")
    bank.analyse(sample, worker, 90, customer=customer)
    bank.update(job, tasks[worker], "failed")
    (verdict,) = [v for v in bank.verdicts_of(sample) if v["job"]["id"] == job]
    return verdict


def test_an_analysis_counts_by_the_name_of_its_worker_for_jobs_of_its_customer(bank: Bank) -> None:
    assert failed_beside(bank, "mill")["score"] == 90


def test_an_analysis_of_another_customer_does_not_count_by_a_mere_name(bank: Bank) -> None:
    assert failed_beside(bank, "quarry")["score"] == -1


def test_its_comment_is_found_by_those_who_may_read_it(bank: Bank) -> None:
    sample, word = Sample(), name_of("because")
    bank.submit(sample, "mia", metaData=bank.plan(*bank.workers(1)))
    by_hand = {"statusOverride": "benign", "comment": word}
    bank.data(bank.post(f"{sample.path}/verdict", by_hand, "analyzer"))
    bank.submit(sample, "hana", metaData=bank.plan(*bank.workers(1)))

    def finds(user: str, *keywords: str) -> bool:
        body = {"sha256": [sample.sha256], "keywords": keywords, "keywordFieldStrategy": ["verdict"]}
        return bool(bank.data(bank.post(f"{V2}/sample/search", body, user)))

    many = [f"{word}{number}" for number in range(50)]
    assert [finds(user, word) for user in ("mia", "hana")] == [True, False]
    assert [finds(user, word, *many) for user in ("mia", "hana")] == [True, False]
    assert finds("hana", "benign")
