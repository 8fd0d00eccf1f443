"""A parent is judged again when a child gets another verdict after the end of the parent's job."""

import asyncio
from typing import Any, cast
from uuid import UUID

from kit.bank import Bank, eventually
from kit.children import Parent, some_bytes
from kit.interleaving import Interrupted
from kit.rules import RULES
from samplebank.assembly import clock
from samplebank.database import Connection, Database
from samplebank.endings.children import END, end_waiting
from samplebank.endings.judging_again import judge_parents_again
from samplebank.jobs.progress import lock_job

WORKED_OFF = "SELECT NOT parents_wanted FROM sample WHERE sha256 = $1"
IS_BLOCKED = "SELECT pg_sleep(0.01) IS NOT NULL AND cardinality(pg_blocking_pids($1)) > 0"
TIME_IS_UP = "UPDATE job_task SET run_after = 0 WHERE id = $1"


def by_hand(child: Parent, status: str = "malicious") -> None:
    """Judge a child by hand, for all its customers."""
    body = {"statusOverride": status, "comment": "seen elsewhere"}
    child.bank.data(child.bank.post(f"{child.sample.path}/verdict", body))


def withdrawn(child: Parent) -> None:
    path = f"/samplebank/v1/sample/{child.sample.sha256}/verdict/withdrawal"
    child.bank.data(child.bank.post(path, {"comment": "a mistake"}))


def scores(parent: Parent) -> list[int]:
    """The scores of all verdicts, the newest first."""
    return [verdict["score"] for verdict in parent.bank.verdicts_of(parent.sample)]


def lifted(parent: Parent, *expected: int) -> bool:
    return eventually(lambda: scores(parent) == list(expected))


async def worked_off(database: Database, *parents: Parent) -> None:
    """Return when the service has looked at the latest verdicts of the samples."""
    async with asyncio.timeout(60), database.connection() as db:
        for parent in parents:
            while not await db.fetchval(WORKED_OFF, bytes.fromhex(parent.sample.sha256)):
                pass


def family(bank: Bank, own: int = -1, child: int = 10) -> tuple[Parent, Parent]:
    """A parent whose job has ended, and its child."""
    parent = Parent(bank)
    inner = parent.found(some_bytes())
    parent.judged(own)
    inner.judged(child)
    parent.ended()
    return parent, inner


async def timed_out(database: Database, parent: Parent) -> None:
    """Let the waiting of a parent be over before all children are judged."""
    async with database.connection() as db:
        await db.execute(TIME_IS_UP, UUID(parent.bank.tasks_of(parent.job)["children"]))
    parent.ended()


def test_a_child_that_is_judged_by_hand_decides_about_its_parent(bank: Bank) -> None:
    parent, child = family(bank)

    by_hand(child)

    assert lifted(parent, 100, 10)
    deciding = parent.findings()[0]["analysisResult"]["deciding"]
    assert (deciding["sha256"], deciding["score"]) == (child.sample.sha256, 100)


async def test_a_child_judged_between_the_end_of_the_waiting_and_the_end_of_the_job_counts(
    bank: Bank, database: Database
) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    waiting = bank.tasks_of(parent.job)["children"]
    async with database.connection() as db:
        await db.execute(TIME_IS_UP, UUID(waiting))
    assert eventually(lambda: bank.task(parent.job, waiting)["state"] == "success")
    child.judged(90)
    async with database.transaction() as db:
        await judge_parents_again(db, longest_run=RULES.longest_run, now=clock())

    parent.judged()

    assert lifted(parent, 90, -1)


def test_what_the_other_workers_found_counts_in_the_new_verdict(bank: Bank) -> None:
    parent, child = family(bank, own=60)

    by_hand(child)

    assert eventually(lambda: len(scores(parent)) == 2)
    names = {one["userAgent"]["name"] for one in bank.verdicts_of(parent.sample)[0]["analysis"]}
    assert names == {parent.worker, "children"}


def test_the_job_that_has_ended_stays_as_it_was(bank: Bank) -> None:
    parent, child = family(bank)
    before = bank.job(parent.job)

    by_hand(child)

    assert lifted(parent, 100, 10)
    assert bank.job(parent.job) == before
    again, first = sorted(bank.jobs_of(parent.sample), key=lambda job: job["id"] == parent.job)
    assert (first["id"], again["state"]) == (parent.job, "done")
    told = bank.task(again["id"], bank.tasks_of(again["id"])["children"])["message"]
    assert child.sample.sha256 in told


def test_a_verdict_that_is_taken_back_is_taken_back_from_the_parent(bank: Bank) -> None:
    parent, child = family(bank)
    by_hand(child)
    assert lifted(parent, 100, 10)

    withdrawn(child)

    assert lifted(parent, 10, 100, 10)


def test_a_reanalysis_of_a_child_travels_up_the_whole_tree(bank: Bank) -> None:
    top = Parent(bank)
    middle = top.found(some_bytes())
    bottom = middle.found(some_bytes())
    for one in (top, middle, bottom):
        one.judged(20)
    top.ended()
    again = bank.data(bank.put(f"{bottom.sample.path}/reanalyse"))["id"]
    analysis = bank.analyse(bottom.sample, bottom.worker, 90)

    bank.data(bank.update(again, bank.tasks_of(again)[bottom.worker], "success", analyses=[analysis]))

    assert eventually(lambda: len(scores(top)) == 2)
    assert top.findings()[0]["analysisResult"]["deciding"]["sha256"] == middle.sample.sha256
    assert scores(top)[0] >= 80


async def test_a_child_that_was_late_is_made_up_for(bank: Bank, database: Database) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    parent.judged()
    await timed_out(database, parent)

    child.judged(90)

    assert lifted(parent, 90, -1)


async def test_the_same_score_again_opens_nothing(bank: Bank, database: Database) -> None:
    parent, child = family(bank, child=100)

    by_hand(child)

    await worked_off(database, child)
    assert [job["id"] for job in bank.jobs_of(parent.sample)] == [parent.job]


async def test_samples_that_hold_each_other_do_not_hold_up_each_others_scores(
    bank: Bank, database: Database
) -> None:
    outer = Parent(bank)
    inner = outer.found(some_bytes())
    inner.add(outer.sample.data)
    outer.judged()
    inner.judged(10)
    outer.ended()
    by_hand(inner)
    assert lifted(outer, 100, 10)

    withdrawn(inner)

    assert lifted(outer, 10, 100, 10)
    await worked_off(database, inner, outer)
    assert len(bank.jobs_of(inner.sample)) == 1


class Look:
    """A look at the marks, as another housekeeper would have it, in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.done = asyncio.create_task(self._look())

    async def _look(self) -> None:
        async with self._database.transaction() as db:
            self._session.set_result(db.get_server_pid())
            await judge_parents_again(db, longest_run=RULES.longest_run, now=clock())

    async def waits(self) -> None:
        """Return when the look waits for somebody, or is over."""
        session = await self._session
        async with asyncio.timeout(60), self._database.connection() as db:
            while not self.done.done() and not await db.fetchval(IS_BLOCKED, session):
                pass


async def test_a_verdict_that_comes_while_the_parent_is_judged_is_not_lost(
    bank: Bank, database: Database
) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    parent.judged()
    task, job = UUID(bank.tasks_of(parent.job)["children"]), UUID(parent.job)
    looks: list[Look] = []

    async def meanwhile() -> None:
        await asyncio.to_thread(by_hand, child)
        looks.append(Look(database))
        await looks[0].waits()

    async with database.transaction() as own:
        await lock_job(own, job)
        await asyncio.to_thread(child.judged, 10)
        interrupted = Interrupted(own, meanwhile, END)
        await end_waiting(cast("Connection", interrupted), task, job, RULES, now=clock())
    await looks[0].done

    assert lifted(parent, 100, 10)


async def test_of_many_who_look_at_once_one_opens_a_job(bank: Bank, database: Database) -> None:
    parent, child = family(bank)
    by_hand(child)

    async with database.transaction() as own:
        await judge_parents_again(own, longest_run=RULES.longest_run, now=clock())
        others = [Look(database) for _ in range(3)]
        for other in others:
            await other.waits()
    for other in others:
        await other.done

    assert lifted(parent, 100, 10)
    assert len(bank.jobs_of(parent.sample)) == 2


async def test_one_job_is_opened_for_many_children(bank: Bank, database: Database) -> None:
    parent = Parent(bank)
    children = [parent.found(some_bytes()) for _ in range(5)]
    parent.judged()
    await timed_out(database, parent)

    for score, child in enumerate(children, 40):
        child.judged(score)

    assert lifted(parent, 44, -1)


async def test_nobody_who_wants_an_analysis_is_given_the_job(bank: Bank, database: Database) -> None:
    parent = Parent(bank)
    unfinished, child = parent.found(some_bytes()), parent.found(some_bytes())
    parent.judged()
    await timed_out(database, parent)
    by_hand(child)
    assert eventually(lambda: len(bank.jobs_of(parent.sample)) == 2)

    wanted: dict[str, Any] = bank.data(bank.put(f"{parent.sample.path}/reanalyse"))

    assert wanted["id"] not in {job["id"] for job in bank.jobs_of(parent.sample)[:2]}
    assert list(bank.tasks_of(wanted["id"])) == [parent.worker]
    assert bank.job(unfinished.job)["state"] == "executing"


def test_each_customer_gets_an_analysis_of_its_own(bank: Bank) -> None:
    ours, child = family(bank)
    theirs = Parent(bank, user="hana", worker=ours.worker)
    again = theirs.found(child.sample.data)
    theirs.judged()
    again.judged(10)
    theirs.ended()

    by_hand(child)

    assert lifted(ours, 100, 10)
    assert eventually(lambda: bank.verdicts_of(theirs.sample)[0]["score"] == 100)
