"""The worker's loop against the real service, with analysers in real children and a breakable line."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.bank import CHIEF, ROBOT, Bank, Sample, eventually
from kit.relay import Relay
from kit.service import Service
from worker.working import Names, working

ENDED = {"success", "failed", "cancelled", "timeout"}


class Given:
    """A task for a worker, as told by the service."""

    def __init__(self, bank: Bank, worker: str, *, attempts: int = 0, **fields: Any) -> None:
        self.bank = bank
        self.sample, self.job, tasks = bank.planned(worker, **fields)
        self.id = tasks[worker]
        for _ in range(attempts):
            bank.release(bank.claim(worker)[0])

    def now(self) -> dict[str, Any]:
        return self.bank.task(self.job, self.id)

    def ended(self) -> dict[str, Any]:
        eventually(lambda: self.now()["state"] in ENDED)
        return self.now()

    def analyses(self) -> list[dict[str, Any]]:
        analyses: list[dict[str, Any]] = self.bank.data(self.bank.get(f"{self.sample.path}/analysis"))
        return analyses


@pytest.fixture(scope="module")
def shared() -> Names:
    return Names()


@pytest.fixture(scope="module")
def worker(bank: Bank, shared: Names) -> Iterator[Names]:
    """One worker for all tests in need of a plain worker."""
    analysers = ("Measuring", "Refusing", "Broken", "Schemaless", "Lamenting", "Quoting", "Huge")
    with working(bank.url, bank.keys[CHIEF], shared, *analysers, settings={"depth": "2"}):
        assert eventually(lambda: all(bank.get(f"/sampledb/v2/worker/{shared[one]}").ok for one in analysers))
        yield shared


@pytest.fixture
def robot(bank: Bank) -> str:
    return bank.keys[ROBOT]


def registered(bank: Bank, names: Names, *analysers: str, **fields: Any) -> None:
    for analyser in analysers:
        bank.worker(shortName=names[analyser], **fields)


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_worker_without_room_for_samples_leaves_tasks_until_there_is_room(
    bank: Bank, robot: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names()
    registered(bank, names, "Measuring", "Refusing")
    with working(bank.url, robot, names, "Measuring", "Refusing", scratch=tmp_path):
        assert eventually(lambda: list(tmp_path.iterdir()))
        (folder,) = tmp_path.iterdir()
        folder.rmdir()
        folder.write_text("in the way of all samples")
        Given(bank, names["Measuring"])
        assert eventually(lambda: "worker.no_room" in caplog.messages)

        later = Given(bank, names["Measuring"])
        folder.unlink()

        assert later.ended()["state"] == "success"
    told = [message for message in caplog.messages if message == "worker.no_room"]
    assert len(told) == 1


def test_a_task_ends_with_its_analysis(bank: Bank, worker: Names) -> None:
    task = Given(bank, worker["Measuring"], tlp="green")

    ended = task.ended()

    (analysis,) = task.analyses()
    assert (ended["state"], [one["id"] for one in ended["analyses"]]) == ("success", [analysis["analysisID"]])
    assert (analysis["analysisScore"], analysis["tlp"]) == (40, "green")
    assert analysis["customer"]["shortName"] == "mill"
    assert analysis["userAgent"] == {"name": worker["Measuring"], "version": "1.2"}
    assert [(tag["type"], tag["value"]) for tag in analysis["tags"]] == [("family", "Staged \\u003c1\\u003e")]


def test_the_analyser_gets_bytes_options_and_settings(bank: Bank, worker: Names) -> None:
    sample = Sample()
    plan = bank.plan(worker["Measuring"], options=[{"key": "mode", "value": "fast"}])
    bank.submit(sample, metaData=plan)

    (analysis,) = eventually(lambda: bank.data(bank.get(f"{sample.path}/analysis")))

    assert analysis["analysisResult"] == {
        "size": len(sample.data),
        "options": {"mode": "fast"},
        "settings": {"depth": "2", **worker.settings},
        "sha256": sample.sha256,
    }


def test_evidence_is_there_when_the_task_has_ended(bank: Bank, worker: Names) -> None:
    task = Given(bank, worker["Measuring"])

    task.ended()

    (analysis,) = task.analyses()
    (evidence,) = bank.data(bank.get(f"{task.sample.path}/analysis/{analysis['analysisID']}/evidence"))
    assert (evidence["fileName"], evidence["mimeType"]) == ("a_size.txt", "text/plain")
    assert evidence["checksum"] == hashlib.sha256(str(len(task.sample.data)).encode()).hexdigest()


def test_a_rejected_file_fails_its_task_with_the_reason(bank: Bank, worker: Names) -> None:
    task = Given(bank, worker["Refusing"])

    ended = task.ended()

    assert (ended["state"], ended["message"]) == ("failed", "There is nothing to find in 5000 bytes.")
    assert task.analyses() == []


def test_an_analyser_that_ends_its_process_fails_the_task_with_its_last_words(
    bank: Bank, worker: Names
) -> None:
    task = Given(bank, worker["Broken"])

    ended = task.ended()

    assert ended["message"] == "The analysis stopped with SystemExit: Stopped at 5000."


def test_an_exception_that_quotes_the_sample_fails_the_task_and_shows_its_author_the_trace(
    bank: Bank, worker: Names, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "samplebank.worker"):
        task = Given(bank, worker["Lamenting"])
        ended = task.ended()

    told = [(record.msg, vars(record)["fields"]) for record in caplog.records]
    of_task = [(event, fields) for event, fields in told if fields.get("task") == task.id]
    lines = [(event, fields["line"]) for event, fields in of_task if "line" in fields]
    assert ended["message"] == "The analysis stopped with ValueError: \ufffd\ufffd in 5000 bytes"
    assert ("analysis.printed", "looking at 5000") in lines
    assert ("analysis.trace", '    raise ValueError(f"\\0\\ud800 in {sample.size} bytes")') in lines
    assert {(fields["worker"], fields["job"], fields["sample"]) for _, fields in of_task} == {
        (worker["Lamenting"], task.job, task.sample.sha256)
    }


def test_whatever_an_analyser_quotes_and_prints_its_analysis_is_stored(bank: Bank, worker: Names) -> None:
    task = Given(bank, worker["Quoting"])

    ended = task.ended()

    (analysis,) = task.analyses()
    assert ended["state"] == "success"
    assert analysis["analysisResult"] == {
        "text": "\ufffd\ufffd",
        "serial": str(2**70),
        "ratio": None,
        "size": 5000,
    }


def test_analysers_that_share_a_worker_each_do_their_task(bank: Bank, worker: Names) -> None:
    _, job, _ = bank.planned(worker["Measuring"], worker["Refusing"])

    assert eventually(lambda: bank.job(job)["state"] == "done")

    tasks = bank.data(bank.get(f"/sampledb/v2/job/{job}/tasks"))
    assert {task["worker"]: task["state"] for task in tasks} == {
        worker["Measuring"]: "success",
        worker["Refusing"]: "failed",
    }


def test_an_unknown_worker_has_registered_itself(bank: Bank, worker: Names) -> None:
    known = bank.data(bank.get(f"/sampledb/v2/worker/{worker['Measuring']}"))

    assert known["localizedNames"] == {"english": "Measuring"}
    assert bank.get(f"/sampledb/v2/worker/{worker['Measuring']}/schema").json() == {
        "type": "object",
        "required": ["size"],
    }


def test_a_task_that_ended_meanwhile_gets_no_analysis(
    bank: Bank, relay: Relay, names: Names, robot: str
) -> None:
    registered(bank, names, "Measuring")
    task = Given(bank, names["Measuring"])
    relay.hold("/raw$")

    with working(relay.url, robot, names, "Measuring"):
        relay.wait_for("/raw$")
        bank.update(task.job, task.id, "cancelled")
        relay.go_on()

    assert (task.now()["state"], task.analyses()) == ("cancelled", [])


def test_a_lease_lost_on_the_way_ends_the_analysis_and_makes_room(
    bank: Bank, relay: Relay, names: Names, robot: str
) -> None:
    registered(bank, names, "Hanging", "Measuring")
    lost = Given(bank, names["Hanging"])

    with working(relay.url, robot, names, "Hanging", "Measuring", lease_seconds=1, parallel=1):
        relay.wait_for("/raw$")
        bank.update(lost.job, lost.id, "cancelled")
        ended = Given(bank, names["Measuring"]).ended()

    assert ended["state"] == "success"
    assert lost.now()["state"] == "cancelled"


def test_a_late_worker_cannot_overwrite_what_another_does(
    bank: Bank, relay: Relay, names: Names, robot: str
) -> None:
    registered(bank, names, "Refusing")
    task = Given(bank, names["Refusing"])
    relay.hold("/raw$")

    with working(relay.url, robot, names, "Refusing", lease_seconds=1):
        relay.wait_for("/raw$")
        (other,) = eventually(lambda: bank.claim(names["Refusing"]))
        relay.go_on()

    assert task.now()["state"] == "executing"
    assert bank.heartbeat(other).status_code == 200


def test_a_long_analysis_keeps_its_lease(bank: Bank, relay: Relay, names: Names, robot: str) -> None:
    registered(bank, names, "Hanging")
    task = Given(bank, names["Hanging"])

    with working(relay.url, robot, names, "Hanging", lease_seconds=1, grace_seconds=0.1, parallel=1):
        relay.wait_for("/heartbeat$", 9)
        state, claimed = task.now()["state"], bank.claim(names["Hanging"])

    assert (state, claimed) == ("executing", [])


def test_a_damaged_download_is_given_back(bank: Bank, service: Service, names: Names, robot: str) -> None:
    registered(bank, names, "Measuring")
    task = Given(bank, names["Measuring"], attempts=2)
    blob = service.blobs / "sample" / task.sample.sha256[:2] / task.sample.sha256
    blob.write_bytes(bytes(len(task.sample.data)))

    with working(bank.url, robot, names, "Measuring"):
        ended = task.ended()

    assert ended["state"] == "failed"
    assert "damaged" in ended["message"]


def test_an_analysis_that_others_kill_is_given_back(bank: Bank, names: Names, robot: str) -> None:
    registered(bank, names, "Killed")
    task = Given(bank, names["Killed"], attempts=2)

    with working(bank.url, robot, names, "Killed"):
        ended = task.ended()

    assert ended["state"] == "failed"
    assert "Attempt 3: " in ended["message"]
    assert "from outside, by SIGKILL" in ended["message"]


def test_an_analysis_that_the_service_refuses_fails_its_task_at_once_with_the_field(
    bank: Bank, worker: Names
) -> None:
    task = Given(bank, worker["Schemaless"])

    ended = task.ended()

    assert ended["state"] == "failed"
    assert "Attempt" not in ended["message"]
    assert 'analysisResult.sizes[1]: "two" is not of type "integer"' in ended["message"]


def test_an_analysis_that_is_too_large_fails_its_task_at_once(bank: Bank, worker: Names) -> None:
    task = Given(bank, worker["Huge"])

    ended = task.ended()

    assert ended["state"] == "failed"
    assert "Attempt" not in ended["message"]
    assert ended["message"].endswith("as JSON, but the service takes 1048576 at most.")


def test_a_worker_that_stops_gives_its_tasks_back_as_if_never_claimed(
    bank: Bank, relay: Relay, names: Names, robot: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "samplebank.worker")
    registered(bank, names, "Hanging")
    task = Given(bank, names["Hanging"])

    with working(relay.url, robot, names, "Hanging", grace_seconds=0.1, parallel=1):
        relay.wait_for("/raw$")

    (again,) = bank.claim(names["Hanging"])
    assert (again["task"]["id"], again["attempt"]) == (task.id, 1)
    assert [one for one in caplog.messages if one in {"worker.finishes", "task.given_back"}] == [
        "worker.finishes",
        "task.given_back",
    ]


def test_a_stopping_worker_finishes_what_it_soon_can(
    bank: Bank, relay: Relay, names: Names, robot: str
) -> None:
    registered(bank, names, "Measuring")
    task = Given(bank, names["Measuring"])

    with working(relay.url, robot, names, "Measuring", grace_seconds=20.0):
        relay.wait_for("/raw$")

    assert task.now()["state"] == "success"


def test_a_write_is_repeated_when_the_line_breaks(bank: Bank, relay: Relay, names: Names, robot: str) -> None:
    registered(bank, names, "Measuring")
    task = Given(bank, names["Measuring"])
    relay.cut("/analysis$", times=2)

    with working(relay.url, robot, names, "Measuring"):
        ended = task.ended()

    assert (ended["state"], len(task.analyses())) == ("success", 1)
    assert len(relay.found("/analysis$")) == 3


def test_an_analyser_that_the_service_does_not_know_does_not_keep_the_others_from_work(
    bank: Bank, names: Names, robot: str
) -> None:
    registered(bank, names, "Measuring")
    task = Given(bank, names["Measuring"])

    with working(bank.url, robot, names, "Measuring", "Refusing"):
        assert task.ended()["state"] == "success"


def test_an_analyser_that_is_deleted_is_left_out_until_it_is_registered_again(
    bank: Bank, names: Names, robot: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "samplebank.worker")  # whatever another test has left
    registered(bank, names, "Measuring")
    registered(bank, names, "Refusing")

    with working(bank.url, robot, names, "Measuring", "Refusing", look_again_seconds=0.1):
        bank.delete(f"/sampledb/v2/worker/{names['Refusing']}")
        assert eventually(lambda: "worker.left_out" in caplog.messages)
        others = Given(bank, names["Measuring"])
        assert others.ended()["state"] == "success"
        registered(bank, names, "Refusing")
        task = Given(bank, names["Refusing"])
        assert task.ended()["state"] == "failed"


def test_samples_lie_in_the_scratch_folder_while_they_are_needed(
    bank: Bank, relay: Relay, names: Names, robot: str, tmp_path: Path
) -> None:
    registered(bank, names, "Hanging")
    task = Given(bank, names["Hanging"])

    with working(
        relay.url, robot, names, "Hanging", lease_seconds=2, grace_seconds=0.1, parallel=1, scratch=tmp_path
    ):
        relay.wait_for("/heartbeat$")
        during = contents(tmp_path)

    assert during == [task.sample.data]
    assert contents(tmp_path) == []


def test_a_worker_gets_over_the_loss_of_its_scratch_folder(
    bank: Bank, relay: Relay, names: Names, robot: str, tmp_path: Path
) -> None:
    registered(bank, names, "Measuring")

    with working(relay.url, robot, names, "Measuring", scratch=tmp_path):
        relay.wait_for("/claim$")
        (folder,) = tmp_path.iterdir()
        folder.rmdir()
        ended = Given(bank, names["Measuring"]).ended()

    assert ended["state"] == "success"
