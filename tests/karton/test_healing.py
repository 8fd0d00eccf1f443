"""Karton and the bridge die in the middle of an analysis: everything is stored in the end, and once."""

import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from bench.databases import connected

from kit.bank import Sample, eventually
from kit.karton import STAGED, Kartons, program, staged
from kit.service import Service
from samplebank.karton import config, ender, watcher
from samplebank.karton.broker import Broker
from samplebank.karton.bucket import Bucket
from samplebank.karton.healer import Healer, Queues
from samplebank.karton.leases import Leases
from samplebank.karton.records import ANALYSES, REMEMBERED, SENT, TREE, Records, link_of_submission
from samplebank.karton.reporter import Reporter
from samplebank.karton.tasks import BINDS, Task, encoded
from samplebank.karton.trees import Look, Tree, Trees
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import KeyRefused


def inside(sample: Sample) -> Sample:
    """The child that the staged service finds in a sample."""
    return Sample(data=sample.data + b" inside")


def test_a_service_that_dies_at_work_does_its_task_again(kartons: Kartons, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    sample = kartons.submit(staged("hang", str(begun)))
    assert eventually(begun.exists)

    kartons.karton.kill(STAGED)
    kartons.karton.launch(STAGED)
    task = kartons.ended(sample)

    assert task["state"] == "success"
    assert {"type": "behaviour", "value": "done"} in kartons.analyses(sample)["karton.staged"]["tags"]
    assert kartons.links(sample) == [("child", inside(sample).sha256)]
    assert len(kartons.bank.data(kartons.bank.get(f"{inside(sample).path}/submission"))) == 1
    assert kartons.account(sample)["restarted"] >= 1


def test_a_bridge_that_dies_goes_on_with_its_lease_and_uses_up_no_attempt(
    kartons: Kartons, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    sample = kartons.submit(staged("hang", str(begun)))
    assert eventually(begun.exists)

    for _ in range(4):  # one more than there are attempts
        kartons.bridge.kill()
        kartons.bridge.start()
    kartons.karton.kill(STAGED)
    kartons.karton.launch(STAGED)
    task = kartons.ended(sample)

    assert (task["state"], task["message"]) == ("success", "")
    assert kartons.links(sample) == [("child", inside(sample).sha256)]
    assert set(kartons.analyses(inside(sample))) == {"karton.staged"}


def test_a_task_that_the_router_has_taken_and_lost_is_routed_again(kartons: Kartons) -> None:
    kartons.karton.kill("system")
    sample = kartons.submit(program())
    redis = kartons.redis()

    assert eventually(lambda: redis.lpop("karton.tasks"))
    kartons.karton.launch("system")
    task = kartons.ended(sample)

    assert task["state"] == "success"
    assert "karton.yaramatcher" in kartons.analyses(sample)


def test_a_task_that_the_reporter_has_taken_and_lost_is_told_again(kartons: Kartons) -> None:
    kartons.karton.kill("classifier")
    sample = kartons.submit(program())
    redis = kartons.redis()
    queue = "karton.queue.normal:karton.samplebank-reporter"
    assert eventually(lambda: redis.llen("karton.queue.normal:karton.classifier"))

    kartons.bridge.kill()
    kartons.karton.launch("classifier")
    assert eventually(lambda: redis.lpop(queue))
    kartons.bridge.start()
    kartons.ended(sample)

    assert set(kartons.analyses(sample)) == {"karton", "karton.classifier", "karton.yaramatcher"}


def packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside", data)
    return buffer.getvalue()


async def test_a_child_whose_lease_is_lost_does_not_go_round_again(
    kartons: Kartons, service: Service
) -> None:
    kartons.karton.kill("yaramatcher")
    child = Sample(data=program())
    sample = kartons.submit(packed(child.data))
    assert eventually(lambda: is_at_work(kartons, child))
    task, before = kartons.task(child)["id"], len(kartons.bridge.said())

    async with connected(service.database_url) as db:
        await db.execute("UPDATE job_task SET lease_token = gen_random_uuid() WHERE id = $1", UUID(task))
        kartons.karton.launch("yaramatcher")
        assert eventually(lambda: f"karton.lost task={task}" in kartons.bridge.said()[before:])
        kartons.ended(sample)
        await db.execute("UPDATE job_task SET lease_until = 0 WHERE id = $1", UUID(task))
        ended = kartons.ended(child)

    assert "in the analysis of the sample" in ended["message"]
    assert set(kartons.analyses(child)) == {"karton.classifier", "karton.yaramatcher"}


def test_a_child_does_not_go_round_again_where_redis_loses_everything(kartons: Kartons) -> None:
    kartons.karton.kill("yaramatcher")
    child = Sample(data=program())
    sample = kartons.submit(packed(child.data))
    assert eventually(lambda: is_at_work(kartons, child))
    before = len(kartons.bridge.said())

    forget_all_but_services(kartons)
    kartons.karton.launch("yaramatcher")
    kartons.ended(sample)
    ended = kartons.ended(child)

    assert "karton.forgotten" in kartons.bridge.said()[before:]
    assert "in the analysis of the sample" in ended["message"]
    assert set(kartons.analyses(child)) == {"karton.classifier", "karton.yaramatcher"}


def forget_all_but_services(kartons: Kartons) -> None:
    """Let Redis lose all its data. Services that are started anew tell what they take."""
    redis = kartons.redis()
    binds = redis.hgetall(BINDS)
    with redis.pipeline() as at_once:
        at_once.flushall()
        for service, told in binds.items():
            at_once.hset(BINDS, str(service), str(told))
        at_once.execute()


def is_at_work(kartons: Kartons, child: Sample) -> bool:
    """Whether the bridge holds the task of a child."""
    if kartons.bank.get(child.path).status_code != 200 or not kartons.bank.jobs_of(child):
        return False
    return bool(kartons.task(child)["state"] == "executing")


async def test_a_child_that_was_stored_and_not_noted_waits_for_the_analysis_of_its_parent(
    kartons: Kartons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ender, "FOUND_SECONDS", -1)
    parent, begun = "a" * 64, list[Assignment]()
    trees = Trees()
    trees.add(Tree(assignment("parent", parent)))
    trees.children["child"] = assignment("child", "b" * 64, extractionParent=parent)

    async def begin(held: Assignment) -> None:
        begun.append(held)

    broker = Broker(config.load({}, kartons.karton.config), "karton.test", most=1)
    async with ServiceClient(kartons.bank.url, "no key") as client:
        one = ender.Ender(broker, client, trees, begin=begin, version="1")
        await one.end_children()
        while_parent_is_analysed = list(begun)
        trees.remove(next(iter(trees)))
        await one.end_children()
    await broker.close()

    assert while_parent_is_analysed == []
    assert [held.task.id for held in begun] == ["child"]


@asynccontextmanager
async def ending(kartons: Kartons, trees: Trees) -> AsyncIterator[tuple[ender.Ender, Leases, Records]]:
    """What ends analyses, with the key of the bridge."""
    broker = Broker(config.load({}, kartons.karton.config), "karton.test")
    key = kartons.bridge.environment["SAMPLEBANK_KEY"]

    async def begin(_: Assignment) -> None:
        """Begin nothing."""

    async with ServiceClient(kartons.bank.url, key) as client:
        one = ender.Ender(broker, client, trees, begin=begin, version="1")
        yield one, Leases(client, trees, one), Records(broker)
    await broker.close()


async def test_an_analysis_whose_task_has_ended_before_the_bridge_died_keeps_the_analyses_of_its_children(
    kartons: Kartons,
) -> None:
    trees, stored = Trees(), {"b" * 64: ["analysis"]}
    tree = Tree(assignment(str(uuid4()), "a" * 64))
    trees.add(tree)

    async with ending(kartons, trees) as (one, _, records):
        await records.note(tree.root, {ANALYSES: msgspec.json.encode(stored).decode()})
        await one.stop(tree)

        assert await records.find_analyses(tree.root) == stored


async def test_another_job_of_a_child_whose_task_is_over_is_an_analysis_of_its_own(kartons: Kartons) -> None:
    trees, child = Trees(), assignment(str(uuid4()), "b" * 64)
    trees.children[child.task.id] = child
    submission = f"submission of {child.task.id}"

    async with ending(kartons, trees) as (_, leases, records):
        await records.note("root", {}, link_of_submission(submission, "root"))
        await leases.extend()

        assert trees.children == {}
        assert await records.root_of(submission) is None


async def test_a_queue_in_which_many_tasks_wait_is_read_once(kartons: Kartons) -> None:
    broker, redis = Broker(config.load({}, kartons.karton.config), "karton.test"), kartons.redis()
    headers = {"receiver": f"karton.{uuid4().hex}"}
    raw = {"root_uid": "r", "status": "Spawned", "headers": headers, "payload": {}}
    tasks = [Task.of(encoded({**raw, "uid": f"{{r}}:{number}"})) for number in range(3)]
    redis.rpush(tasks[0].queue, *(one.uid for one in tasks[:2]))
    queues = Queues(broker)

    before = await queues.hold(tasks[0])
    redis.delete(tasks[0].queue)

    assert before
    assert [await queues.hold(one) for one in tasks[1:]] == [True, False]
    await broker.close()


async def test_a_service_that_is_away_at_the_end_of_analyses_is_told_once(
    kartons: Kartons, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "END_AGAIN", 0)
    given, trees, ends = config.load({}, kartons.karton.config), Trees(), list[str]()
    broker, bucket = Broker(given, "karton.test"), Bucket(given)

    async def end(tree: Tree, _: Look) -> None:
        ends.append(tree.root)
        raise KeyRefused(f"The service answered 401 to the end of {tree.root}.")

    async with ServiceClient(kartons.bank.url, "no key") as client:
        reporter = Reporter(broker, broker, bucket, client, trees, version="1")
        healer = Healer(broker, bucket, reporter, grace=1.0, longest=None)
        one = watcher.Watcher(broker, trees, healer, end=end, send=trees.remove)
        for number in range(2):
            tree = Tree(assignment(uuid4().hex, f"{number}" * 64))
            tree.is_sent = True
            trees.add(tree)
            await Records(broker).note(tree.root, {SENT: "1"})
        while len(ends) < 6:
            await one.look()
        await one.close()
    await broker.ask("DEL", *(f"{TREE}{tree.root}" for tree in trees))
    await broker.close()

    assert [record.message for record in caplog.records if record.name == watcher.log.name] == ["karton.away"]


def assignment(task: str, sample: str, **about: str) -> Assignment:
    told = {
        "task": {"id": task},
        "job": {"id": "job"},
        "sample": {"id": sample},
        "leaseToken": "token",
        "submission": {"id": f"submission of {task}", "metaData": about, "customer": {"shortName": "mill"}},
    }
    return msgspec.convert(told, Assignment)


async def test_what_was_told_of_a_task_that_goes_back_is_kept_for_a_while_and_for_long_when_it_is_held_again(
    kartons: Kartons,
) -> None:
    broker, redis = Broker(config.load({}, kartons.karton.config), "karton.test"), kartons.redis()
    records, root, held = Records(broker), uuid4().hex, assignment(uuid4().hex, "c" * 64)
    lasts = []

    for step in (records.hold(held, root), records.end(root, held.task.id), records.hold(held, root)):
        await step
        lasts.append(redis.ttl(f"{TREE}{root}"))
    await records.end(root, held.task.id)
    await broker.close()

    assert (lasts[0], lasts[2]) == (-1, -1)
    assert 0 < lasts[1] <= REMEMBERED
