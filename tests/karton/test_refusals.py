"""What the bridge does not take, and servers that are away: a line each, and nothing is lost."""

import asyncio
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from kit.bank import Bank, Sample, eventually
from kit.children import links_of
from kit.karton import STAGED, Kartons, program, staged
from kit.service import Service
from samplebank.karton import config
from samplebank.karton.broker import Broker
from samplebank.karton.bucket import Bucket
from samplebank.karton.errors import Away, MissingBytes
from samplebank.karton.producer import CLAIM_SECONDS, Producer
from samplebank.karton.records import ANALYSES, HELD, TREE, Records
from samplebank.karton.tasks import PREFIX, Resource, encoded, first_task, root_of
from samplebank.karton.trees import Trees
from samplebank.worker.client import ServiceClient


def test_bytes_of_another_bucket_are_not_read(kartons: Kartons) -> None:
    sample = kartons.submit(staged("bucket"))

    kartons.ended(sample)

    (problem,) = kartons.account(sample)["problems"]
    assert problem.startswith(
        "A task of karton.staged is not taken: 'stolen.bin' lies in the bucket 'secrets'"
    )
    assert kartons.links(sample) == []


def test_bytes_in_places_that_no_bucket_has_are_not_read(kartons: Kartons) -> None:
    sample = kartons.submit(staged("places"))

    kartons.ended(sample)

    many, steps = kartons.account(sample)["problems"]
    assert "'many.bin' lies in the bucket \"['secrets']\"" in many
    assert "lacks the bytes of 'steps.bin'" in steps
    assert kartons.links(sample) == []


def test_a_lost_task_with_bytes_in_a_place_that_no_bucket_has_ends_no_bridge(
    kartons: Kartons, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    sample = kartons.submit(staged("hang", str(begun)))
    assert eventually(begun.exists)
    root, before = root_of(kartons.task(sample)["id"]), len(kartons.bridge.said())
    first = first_task(root, {}, {"uid": "a//..", "name": "steps.bin"}, {}).raw
    lost = encoded({**first, "uid": f"{{{root}}}:lost"})
    key = f"{PREFIX}{{{root}}}:lost"
    kartons.redis().set(key, lost)

    assert eventually(lambda: "Crashed" in str(kartons.redis().get(key))), kartons.bridge.said()[before:]

    kartons.karton.kill(STAGED)
    kartons.karton.launch(STAGED)
    assert kartons.ended(sample)["state"] == "success"
    assert "The bytes of 'steps.bin' are missing" in kartons.account(sample)["crashed"][0]["reason"]


def test_findings_that_the_service_refuses_are_told_with_the_task(kartons: Kartons, bank: Bank) -> None:
    strict = bank.worker(schema={"required": ["moduli"]})["shortName"]
    sample = kartons.submit(staged("called", strict))

    task = kartons.ended(sample)

    assert task["state"] == "success"
    assert task["message"].startswith(f"The findings of {strict} about {sample.sha256} were not stored: ")
    assert "moduli" in task["message"]


def test_a_sample_from_nowhere_gets_no_analysis(kartons: Kartons, bank: Bank) -> None:
    sample = kartons.submit(staged("stranger"))

    kartons.ended(sample)

    (problem,) = kartons.account(sample)["problems"]
    assert problem.endswith("did not come out of the sample of this job.")
    stranger = Sample(data=b"bytes that come from nowhere")
    assert bank.get(stranger.path).status_code == 404


def test_a_parent_of_another_customer_gets_no_child(kartons: Kartons, bank: Bank) -> None:
    foreign = bank.submitted("quinn")
    sample = kartons.submit(staged("parent", foreign.sha256))

    kartons.ended(sample)

    (problem,) = kartons.account(sample)["problems"]
    assert (
        f"it names the parent {foreign.sha256}, which did not come out of the sample of this job" in problem
    )
    assert links_of(bank, foreign, "quinn") == []


def test_bytes_that_are_not_what_the_task_says_are_not_stored(kartons: Kartons) -> None:
    sample = kartons.submit(staged("other_bytes"))

    kartons.ended(sample)

    (problem,) = kartons.account(sample)["problems"]
    assert "have another SHA-256 than the task says" in problem


def test_a_task_that_is_nested_too_deep_ends_no_bridge(kartons: Kartons) -> None:
    deep = '{"uid": "deep", "root_uid": "deep", "status": "Started", "headers": {}, "payload": {"a": %s}}'
    kartons.redis().set(f"{PREFIX}deep", deep % ("[" * 20_000 + "]" * 20_000))

    sample = kartons.submit(staged("family"))

    assert kartons.ended(sample)["state"] == "success"
    assert "karton.unreadable" in kartons.bridge.said()
    kartons.redis().delete(f"{PREFIX}deep")


def test_bytes_that_are_no_text_end_no_bridge(kartons: Kartons) -> None:
    before = len(kartons.bridge.said())
    keys: list[bytes] = [f"{PREFIX}odd".encode(), f"{PREFIX}odd-".encode() + b"\xff"]
    text = b'{"uid": "\xff", "root_uid": "odd", "status": "Started", "headers": {}, "payload": {}}'
    for key in keys:
        kartons.redis().set(key, text)

    sample = kartons.submit(staged("family"))

    assert kartons.ended(sample)["state"] == "success"
    assert "karton.away" not in kartons.bridge.said()[before:]
    kartons.redis().delete(*keys)


async def test_a_task_under_the_key_of_another_task_is_no_task(kartons: Kartons) -> None:
    broker, redis = Broker(config.load({}, kartons.karton.config), "karton.test"), kartons.redis()
    first = first_task(root_of("id"), {}, {}, {})
    redis.set(f"{PREFIX}other", first.text)

    assert await broker.find_task("other") is None
    await broker.close()
    redis.delete(f"{PREFIX}other")


async def test_records_of_another_form_end_no_bridge(kartons: Kartons) -> None:
    broker, redis = Broker(config.load({}, kartons.karton.config), "karton.test"), kartons.redis()
    records, root = Records(broker), uuid4().hex
    redis.hset(HELD, root, '{"task": "of a later release"}')
    redis.hset(TREE + root, ANALYSES, "no JSON")

    assert root not in {assignment.task.id for assignment in await records.held()}
    assert await records.find_analyses(root) == {}
    await broker.close()
    redis.hdel(HELD, root)
    redis.delete(TREE + root)


def test_a_redis_that_is_away_is_told_in_a_line_and_loses_nothing(kartons: Kartons) -> None:
    karton, before = kartons.karton, len(kartons.bridge.said())
    away = f"The Redis of Karton at 127.0.0.1:{karton.redis.port} does not answer"
    karton.redis.kill()
    assert eventually(lambda: away in kartons.bridge.said()[before:])
    sample = kartons.submit(program())
    karton.redis.start()

    def look() -> bool:
        karton.keep_alive()
        return bool(kartons.task(sample).get("endTimestamp"))

    assert eventually(look)

    assert "karton.yaramatcher" in kartons.analyses(sample)


async def test_a_redis_that_takes_no_writes_uses_up_no_attempt(kartons: Kartons, tmp_path: Path) -> None:
    kartons.bridge.kill()
    place = config.load({}, kartons.karton.config)
    broker, key = Broker(place, "karton.test"), kartons.bridge.environment["SAMPLEBANK_KEY"]
    sample, redis = kartons.submit(program()), kartons.redis()

    redis.config_set("maxmemory", 1)
    async with ServiceClient(kartons.bank.url, key) as client:
        producer = Producer(broker, Bucket(place), client, Trees(), folder=tmp_path, version="1")
        with pytest.raises(Away, match="memory"):
            await asyncio.wait_for(producer.claim(1), CLAIM_SECONDS)
    state = kartons.task(sample)["state"]
    redis.config_set("maxmemory", 0)
    await broker.close()
    kartons.bridge.start()

    assert state == "enqueued"
    assert kartons.ended(sample)["state"] == "success"


def test_a_bucket_that_is_away_is_told_in_a_line_and_loses_nothing(kartons: Kartons) -> None:
    before = len(kartons.bridge.said())
    away = "The bucket bank of Karton at http://127.0.0.1:"

    with kartons.line.cut():
        sample = kartons.submit(program())
        assert eventually(lambda: away in kartons.bridge.said()[before:]), kartons.bridge.said()[before:]
    kartons.ended(sample)

    assert "karton.yaramatcher" in kartons.analyses(sample)


async def test_a_server_that_is_no_s3_server_lacks_no_bytes(kartons: Kartons, service: Service) -> None:
    """As a proxy answers while the S3 server behind the proxy is away."""
    environment = {"KARTON_S3_ADDRESS": service.url}
    bucket = Bucket(config.load(environment, kartons.karton.config))
    child = Resource("child", None, "child.bin", "a" * 64, 6)

    with pytest.raises(Away, match="404 Not Found"):
        await bucket.get(child, 1000)
    with pytest.raises(Away, match="404 Not Found"):
        await bucket.has(child)


async def test_bytes_that_the_bucket_lacks_are_missing(kartons: Kartons) -> None:
    bucket = Bucket(config.load({}, kartons.karton.config))
    child = Resource("child", None, "child.bin", "a" * 64, 6)

    with pytest.raises(MissingBytes):
        await bucket.get(child, 1000)
    assert not await bucket.has(child)


def test_a_folder_that_takes_no_sample_is_told_in_a_line_and_loses_nothing(
    kartons: Kartons, tmp_path: Path
) -> None:
    bridge = kartons.bridge
    bridge.kill()
    before, bridge.environment["TMPDIR"] = len(bridge.said()), str(tmp_path)
    bridge.start()
    del bridge.environment["TMPDIR"]
    assert eventually(lambda: "karton.leading" in bridge.said()[before:])
    (folder,) = tmp_path.iterdir()
    folder.rmdir()
    folder.touch()

    sample = kartons.submit(program())
    assert eventually(lambda: f"The folder {folder} takes no sample" in bridge.said()[before:])
    folder.unlink()

    assert kartons.ended(sample)["state"] == "success"


def test_a_missing_option_is_named(kartons: Kartons, tmp_path: Path) -> None:
    empty = tmp_path / "karton.ini"
    empty.write_text("[redis]\nhost = 127.0.0.1\n")
    command = [*kartons.bridge.command[:-1], str(empty)]

    done = subprocess.run(
        command, env=kartons.bridge.environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert "The option address of the section [s3] is missing" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_key_that_may_not_store_analyses_fails_the_task_with_the_reason(
    kartons: Kartons, service: Service
) -> None:
    bridge = kartons.bridge
    rightful = bridge.environment["SAMPLEBANK_KEY"]
    bridge.kill()
    bridge.environment["SAMPLEBANK_KEY"] = service.keys["toiler"]
    bridge.start()

    task = kartons.ended(kartons.submit(program()))
    bridge.kill()
    bridge.environment["SAMPLEBANK_KEY"] = rightful
    bridge.start()

    assert task["state"] == "failed"
    assert "give its user SAMPLEDB-ANALYZER" in task["message"]
