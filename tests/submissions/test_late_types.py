"""A type that comes after its submission: the workers that the policy chooses for the type are added, exactly once."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from kit.bank import ROBOT, V2, Bank, Sample, eventually, name_of
from kit.children import Parent, some_bytes
from kit.interleaving import Interrupted
from kit.rules import RULES
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import Callers
from samplebank.assembly import clock
from samplebank.database import Connection, Database, Outrun
from samplebank.endings.timeouts import time_out_job
from samplebank.endings.updates import END_JOB, END_TASK, update_task
from samplebank.jobs.model import TaskState
from samplebank.jobs.opening import Cause
from samplebank.jobs.progress import Move
from samplebank.policy.rules import PolicyBook
from samplebank.samples import classification_queue
from samplebank.samples.model import Classification
from samplebank.submissions import replanning

FIND = """
    SELECT s.id AS sample_id, u.customer_id, u.id AS submission_id FROM sample s LEFT JOIN submission u ON u.sample_id = s.id WHERE s.sha256 = $1
     ORDER BY u.submitted_time LIMIT 1
"""
FORGET_TYPE = "UPDATE sample SET classification_id = NULL, classification_wanted = false WHERE id = $1"
LOCK_JOBS = "SELECT FROM job WHERE sample_id = $1 FOR UPDATE"
MARKS = "SELECT count(*) FROM untyped_plan WHERE sample_id = $1"


class Late:
    """Samples whose type comes when the test says so, and a rule of the policy that chooses a worker by this type."""

    def __init__(self, bank: Bank, database: Database) -> None:
        self.bank = bank
        self.database = database
        self.type = name_of("type")
        self.worker, self.first = bank.workers(2)
        self.rules: list[str] = []
        self.rule_by_type({"workers": {"add": [self.worker]}})

    def rule_by_type(self, action: dict[str, Any]) -> None:
        body = {
            "name": self.type,
            "description": "",
            "match": {"classification": {"type": [self.type]}},
            "action": action,
        }
        if self.rules:
            self.bank.data(self.bank.put(f"{V2}/policy/default/rule/{self.rules[0]}", body))
        else:
            self.rules.append(self.bank.data(self.bank.post(f"{V2}/policy/default/rule", body))["id"])

    def end(self) -> None:
        for rule in self.rules:
            self.bank.delete(f"{V2}/policy/default/rule/{rule}")

    async def forget_type(self, sample: Sample) -> Cause:
        """Let the service take the sample for one whose type has not come."""
        assert eventually(lambda: self.bank.data(self.bank.get(sample.path)).get("latestClassification"))
        cause = await self.cause_of(sample)
        async with self.database.connection() as db:
            await db.execute(FORGET_TYPE, cause.sample_id)
        return cause

    async def cause_of(self, sample: Sample) -> Cause:
        async with self.database.connection() as db:
            (row,) = await db.fetch(FIND, bytes.fromhex(sample.sha256))
            return Cause(**row)

    async def planned(self, **fields: Any) -> tuple[Sample, str, dict[str, str]]:
        """As `Bank.planned`, for the first worker and without a type: (sample, job, task ids by worker)."""
        sample, job, tasks = self.bank.planned(self.first, **fields)
        cause = await self.forget_type(sample)
        async with self.database.connection() as db:
            await replanning.mark(db, cause, UUID(job))
        return sample, job, tasks

    async def comes(self, sample: Sample) -> None:
        """Let the type come, and two classifiers beside the service's choose workers again."""
        id_ = (await self.cause_of(sample)).sample_id
        async with self.database.connection() as db:
            made = Classification(self.type, "document", None, None, "tests", {})
            await classification_queue.store(db, [(id_, made)], now=clock())
        await asyncio.gather(self.replan(id_), self.replan(id_))
        # The service may choose again, too. Claims pass over jobs that the service has locked meanwhile.
        async with self.database.transaction() as db:
            await db.execute(LOCK_JOBS, id_)

    async def replan(self, sample_id: int) -> None:
        async with self.database.transaction() as db:
            await replanning.replan(db, sample_id, PolicyBook(), now=clock())

    def plan(self, job: str) -> dict[str, Any]:
        plan: dict[str, Any] = self.bank.data(self.bank.get(f"/samplebank/v1/job/{job}/plan"))
        return plan

    def jobs(self, sample: Sample) -> list[str]:
        return [job["id"] for job in self.bank.jobs_of(sample)]

    def runs(self, sample: Sample) -> list[tuple[str, str]]:
        """Every task of the sample: (worker, state)."""
        tasks = [
            task
            for job in self.jobs(sample)
            for task in self.bank.data(self.bank.get(f"{V2}/job/{job}/tasks", limit=0))
        ]
        return sorted((task["worker"], task["state"]) for task in tasks)


@pytest.fixture
def late(bank: Bank, database: Database) -> Iterator[Late]:
    late = Late(bank, database)
    yield late
    late.end()


@pytest.fixture
async def finish(bank: Bank, database: Database) -> Any:
    """Ends a task as a worker does, while something else happens after the look of the update."""
    robot = await Callers(database, Directory(database)).find(bank.keys[ROBOT], now=clock())
    assert robot is not None

    async def update(job: str, task: str, meanwhile: Any) -> None:
        async with database.connection() as db:
            interrupted = cast("Connection", Interrupted(db, meanwhile, END_TASK, END_JOB))
            move = Move(TaskState.SUCCESS, [])
            await update_task(interrupted, robot, job, task, move, rules=RULES, now=clock())

    return update


async def test_an_unfinished_job_gets_the_missing_worker(late: Late) -> None:
    sample, job, _ = await late.planned()

    await late.comes(sample)

    assert late.jobs(sample) == [job]
    assert late.runs(sample) == sorted([(late.first, "enqueued"), (late.worker, "enqueued")])


async def test_the_added_worker_stands_in_the_lane_of_the_job(late: Late) -> None:
    ordinary, _, _ = await late.planned()
    await late.comes(ordinary)
    waited_for, _, _ = await late.planned(lane="waiting")

    await late.comes(waited_for)

    claims = late.bank.claim(late.worker, most=2)
    assert [claim["sample"]["id"] for claim in claims] == [waited_for.sha256, ordinary.sha256]


async def test_the_plan_tells_what_the_late_type_added(late: Late) -> None:
    sample, job, tasks = await late.planned()

    await late.comes(sample)

    told = late.plan(job)["replanned"]
    assert (told["type"], told["workers"], "previousJobID" in told) == (late.type, [late.worker], False)
    added = late.bank.tasks_of(job).keys() - tasks.keys()
    assert [late.bank.task(job, late.bank.tasks_of(job)[name])["message"] for name in added] == [
        f"Added when the type of the file came: {late.type}."
    ]


async def test_an_added_task_that_times_out_says_so(late: Late) -> None:
    sample, job, _ = await late.planned()
    await late.comes(sample)
    now = clock()

    async with late.database.transaction() as db:
        assert await time_out_job(db, UUID(job), RULES, overdue_at=now + RULES.longest_wait, now=now)

    added = late.bank.task(job, late.bank.tasks_of(job)[late.worker])
    assert added["message"] == f"Added when the type of the file came: {late.type}. The job took too long."


async def test_a_job_that_runs_the_workers_already_stays_as_it_is(late: Late) -> None:
    late.rule_by_type({"workers": {"add": [late.first]}})
    sample, job, _ = await late.planned()

    await late.comes(sample)

    assert late.runs(sample) == [(late.first, "enqueued")]
    assert "replanned" not in late.plan(job)


async def test_the_options_of_the_type_hold_for_tasks_claimed_later(late: Late) -> None:
    late.rule_by_type({"options": {"set": [{"key": "depth", "value": "9"}]}})
    sample, _, _ = await late.planned()

    await late.comes(sample)

    # A claim passes over a task whose job the service itself looks at just now.
    (claim,) = eventually(lambda: late.bank.claim(late.first))
    assert claim["options"] == [{"key": "depth", "value": "9"}]


async def test_after_the_end_of_the_job_another_job_weighs_what_both_found(late: Late) -> None:
    sample, job, tasks = await late.planned()
    found = late.bank.analyse(sample, late.first, 80)
    late.bank.update(job, tasks[late.first], "success", analyses=[found])

    await late.comes(sample)
    (another,) = [one for one in late.jobs(sample) if one != job]
    late.bank.update(another, late.bank.tasks_of(another)[late.worker], "success")

    assert late.plan(another)["replanned"]["previousJobID"] == job
    newest = late.bank.verdicts_of(sample)[0]
    assert (newest["job"]["id"], newest["score"]) == (another, 80)


async def test_after_the_end_of_a_job_with_children_another_job_weighs_what_the_children_are(
    late: Late,
) -> None:
    parent = Parent(late.bank)
    child = parent.found(some_bytes())
    parent.judged()
    child.judged(80)
    parent.ended()
    cause = await late.forget_type(parent.sample)
    async with late.database.connection() as db:
        await replanning.mark(db, cause, UUID(parent.job))

    await late.comes(parent.sample)
    (another,) = [one for one in late.jobs(parent.sample) if one != parent.job]
    late.bank.update(another, late.bank.tasks_of(another)[late.worker], "success")

    newest = late.bank.verdicts_of(parent.sample)[0]
    assert (newest["job"]["id"], newest["score"]) == (another, 80)


async def test_a_submission_without_workers_gets_a_job(late: Late) -> None:
    sample = late.bank.submitted(metaData=late.bank.plan(late.first))
    cause = await late.forget_type(sample)
    async with late.database.connection() as db:
        await replanning.mark(db, cause, None)

    await late.comes(sample)

    assert (late.worker, "enqueued") in late.runs(sample)


async def test_of_two_submissions_that_share_a_job_each_gets_its_worker_once(late: Late) -> None:
    sample, job, _ = await late.planned()
    cause = await late.cause_of(sample)
    async with late.database.connection() as db:
        await replanning.mark(db, cause, UUID(job))

    await late.comes(sample)

    assert late.runs(sample) == sorted([(late.first, "enqueued"), (late.worker, "enqueued")])


async def test_a_file_in_one_request_that_is_known_without_a_type_is_planned_again(late: Late) -> None:
    sample = Sample()
    late.bank.upload(sample)
    await late.forget_type(sample)
    named = {"fileName": name_of("late")}
    sent = late.bank.call("POST", "/samplebank/v1/sample", "mia", data=sample.data, params=named)
    assert sent.status_code == 201

    await late.comes(sample)

    assert (late.worker, "enqueued") in late.runs(sample)


async def test_a_type_outruns_the_end_of_the_last_task(late: Late, finish: Any) -> None:
    sample, job, tasks = await late.planned()

    with pytest.raises(Outrun):
        await finish(job, tasks[late.first], partial(late.comes, sample))

    assert late.bank.update(job, tasks[late.first], "success").status_code == 200
    assert late.bank.job(job)["state"] != "done"


async def test_a_type_that_comes_while_the_last_task_ends_runs_its_worker_once(late: Late) -> None:
    for _ in range(4):
        sample, job, tasks = await late.planned()

        ending = asyncio.to_thread(late.bank.update, job, tasks[late.first], "success")
        answer, _ = await asyncio.gather(ending, late.comes(sample))

        assert answer.status_code == 200
        assert [run for run in late.runs(sample) if run[0] == late.worker] == [(late.worker, "enqueued")]


async def test_the_policy_of_the_moment_of_the_type_decides(late: Late) -> None:
    sample, _, _ = await late.planned()
    (another,) = late.bank.workers(1)
    late.rule_by_type({"workers": {"add": [another]}})

    await late.comes(sample)

    assert late.runs(sample) == sorted([(late.first, "enqueued"), (another, "enqueued")])


async def test_the_policy_stays_as_it_is_while_workers_are_chosen(late: Late) -> None:
    sample, _, _ = await late.planned()
    (another,) = late.bank.workers(1)
    id_ = (await late.cause_of(sample)).sample_id
    async with late.database.transaction() as db:
        made = Classification(late.type, "document", None, None, "tests", {})
        await classification_queue.store(db, [(id_, made)], now=clock())
        await replanning.replan(db, id_, PolicyBook(), now=clock())

        change = asyncio.create_task(asyncio.to_thread(late.rule_by_type, {"workers": {"add": [another]}}))
        async with late.database.connection() as other:
            await _is_held_up(other)
    await change

    assert (late.worker, "enqueued") in late.runs(sample)


async def _is_held_up(db: Connection) -> None:
    """Return when somebody waits for the row of the policy."""
    query = """
        SELECT EXISTS (SELECT FROM pg_locks held JOIN pg_stat_activity a USING (pid)
                        WHERE NOT held.granted AND a.wait_event_type = 'Lock') FROM pg_sleep(0.01)
    """
    async with asyncio.timeout(60):
        while not await db.fetchval(query):
            pass


async def test_a_submission_before_its_type_runs_the_worker_of_the_type(late: Late) -> None:
    sample = Sample()
    token, again = late.bank.token(sample), late.bank.token(sample)
    late.bank.post(f"{sample.path}/submission", late.bank.submission_body(again), "mia")
    await late.forget_type(sample)
    body = late.bank.submission_body(token, metaData=late.bank.plan(late.first))
    late.bank.data(late.bank.post(f"{sample.path}/submission", body, "mia"))

    await late.comes(sample)

    assert eventually(lambda: (late.worker, "enqueued") in late.runs(sample))


async def test_a_reanalysis_before_the_type_runs_the_worker_of_the_type(late: Late) -> None:
    sample = late.bank.submitted(metaData=late.bank.plan(late.first))
    await late.forget_type(sample)
    late.bank.data(late.bank.put(f"{sample.path}/reanalyse", user="mia"))

    await late.comes(sample)

    assert (late.worker, "enqueued") in late.runs(sample)


async def test_the_deletion_of_a_sample_takes_its_marks_along(late: Late) -> None:
    sample, _, _ = await late.planned()
    id_ = (await late.cause_of(sample)).sample_id
    async with late.database.connection() as db:
        late.bank.data(late.bank.delete(sample.path))
        assert eventually(lambda: late.bank.data(late.bank.get(sample.path)).get("deletedTimestamp"))

        assert await db.fetchval(MARKS, id_) == 0


async def test_a_sample_that_was_deleted_after_the_look_is_passed_over(late: Late) -> None:
    sample, _, _ = await late.planned()
    id_ = (await late.cause_of(sample)).sample_id
    late.bank.data(late.bank.delete(sample.path))
    assert eventually(lambda: late.bank.data(late.bank.get(sample.path)).get("deletedTimestamp"))

    async with late.database.transaction() as db:
        changed = await replanning.replan(db, id_, PolicyBook(), now=clock())

    assert changed == []
