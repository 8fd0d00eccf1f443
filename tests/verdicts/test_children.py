"""A parent is judged by the children, once the children are judged."""

from uuid import UUID

from kit.bank import Bank, eventually
from kit.children import Parent, planned_path, some_bytes
from kit.rules import RULES
from samplebank.database import Connection, Database
from samplebank.endings.children import end_waiting


def test_the_worst_child_decides_and_is_named(bank: Bank) -> None:
    parent = Parent(bank)
    bad, good = parent.found(some_bytes()), parent.found(some_bytes())
    parent.judged()
    good.judged(10)
    bad.judged(95)

    verdict = parent.ended()

    deciding = parent.finding()["analysisResult"]["deciding"]
    assert (verdict["score"], deciding["sha256"], deciding["score"]) == (95, bad.sample.sha256, 95)
    (weight,) = [one for one in verdict["analysis"] if one["userAgent"]["name"] == "children"]
    assert (weight["analysisScore"], weight["impact"]) == (95, 100)
    (detection,) = parent.finding()["triggeredDetections"]
    assert (bad.sample.sha256 in detection["name"], detection["assessment"]) == (True, "malicious")


def test_a_parent_waits_until_every_child_is_judged(bank: Bank) -> None:
    parent = Parent(bank)
    first, second = parent.found(some_bytes()), parent.found(some_bytes())
    parent.judged()
    first.judged(90)
    assert bank.tasks_of(parent.job).keys() == {parent.worker, "children"}
    assert bank.job(parent.job)["state"] == "executing"
    assert bank.data(bank.get(f"/samplebank/v1/job/{parent.job}/why"))["cause"] == "waitsForChildren"

    second.judged(20)

    assert parent.ended()["score"] == 90
    assert parent.finding()["analysisResult"]["number"] == 2


def test_a_verdict_travels_up_the_whole_tree(bank: Bank) -> None:
    top = Parent(bank)
    middle = top.found(some_bytes())
    bottom = middle.found(some_bytes())
    top.judged()
    middle.judged()
    bottom.judged(80)

    assert top.ended()["score"] == 80
    assert middle.finding()["analysisResult"]["deciding"]["sha256"] == bottom.sample.sha256
    assert top.finding()["analysisResult"]["deciding"]["sha256"] == middle.sample.sha256


def test_samples_that_hold_each_other_do_not_wait_for_each_other(bank: Bank) -> None:
    outer = Parent(bank)
    inner = outer.found(some_bytes())
    inner.add(outer.sample.data)
    outer.judged()
    inner.judged(75)

    assert outer.ended()["score"] == 75


def test_samples_that_were_submitted_both_and_hold_each_other_do_not_wait_for_each_other(bank: Bank) -> None:
    one, other = Parent(bank), Parent(bank)
    assert one.add(other.sample.data, path=planned_path(bank, other.worker))["jobID"] == other.job
    assert other.add(one.sample.data, path=planned_path(bank, one.worker))["jobID"] == one.job
    one.judged()
    other.judged(80)

    assert other.ended()["score"] == 80
    assert eventually(lambda: one.ended()["score"] == 80)


def test_a_parent_still_waits_for_a_child_that_stands_before_a_ring(bank: Bank) -> None:
    one, other = Parent(bank), Parent(bank)
    one.add(other.sample.data, path=planned_path(bank, other.worker))
    other.add(one.sample.data, path=planned_path(bank, one.worker))
    inner = one.found(some_bytes())
    one.judged()
    other.judged()
    assert bank.job(one.job)["state"] == bank.job(other.job)["state"] == "executing"

    inner.judged(90)

    assert (one.ended()["score"], eventually(lambda: other.ended()["score"] == 90)) == (90, True)


def test_children_without_findings_say_nothing(bank: Bank) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    parent.judged()
    child.judged(0)

    assert parent.ended()["score"] == -1
    assert (parent.finding()["analysisScore"], parent.finding()["analysisResult"]["deciding"]) == (-1, None)


def test_a_child_never_overrides_what_its_parent_is_said_to_be(bank: Bank) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    parent.judged()
    child.judged(-1, verdictStatusOverride="malicious")

    verdict = parent.ended()

    assert (verdict["score"], verdict.get("statusOverride")) == (100, None)


def test_a_job_without_children_waits_for_nothing(bank: Bank) -> None:
    parent = Parent(bank)

    parent.judged(30)

    assert bank.job(parent.job)["state"] == "done"
    assert list(bank.tasks_of(parent.job)) == [parent.worker]


async def test_a_parent_goes_on_when_its_time_is_nearly_up(
    bank: Bank, database: Database, db: Connection
) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    parent.judged()
    task = UUID(bank.tasks_of(parent.job)["children"])
    until = await db.fetchval("SELECT run_after FROM job_task WHERE id = $1", task)

    outcomes = []
    for now in (until - 1, until):
        async with database.transaction() as own:
            outcomes.append(await end_waiting(own, task, UUID(parent.job), RULES, now=now))

    assert outcomes == [None, True]
    assert bank.job(child.job)["state"] == "executing"
    assert parent.finding()["analysisScore"] == -1


def test_the_finding_is_for_the_readers_of_the_parent(bank: Bank) -> None:
    parent = Parent(bank, tlp="green")
    child = parent.found(some_bytes())
    parent.judged()
    child.judged(90)
    parent.ended()

    for user, count in (("mia", 1), ("quinn", 1), ("hana", None)):
        answer = bank.get(f"{parent.sample.path}/analysis", user, limit=0)
        names = [one["userAgent"]["name"] for one in answer.json()["data"] or []]
        assert (answer.status_code == 404) if count is None else names.count("children") == count
