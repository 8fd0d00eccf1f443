"""A restart of the service does not end commands that go on for long."""

import json
import time
from functools import partial
from pathlib import Path

import pytest

from cli.program import Program
from hunts.hunting import mark, marked, rules_for
from kit.bank import CHIEF, Bank, Sample, later
from kit.feed import types_of
from kit.processes import interrupted
from kit.relay import Relay
from samplebank.cli import patience
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection
from samplebank.cli.following import follow
from samplebank.cli.patience import patiently
from samplebank.cli.sending import Outcome
from samplebank.errors import Unauthenticated, Unavailable
from worker.working import NoAnalysers, working

#: the client asks so often before the client says that nobody answers
TRIES = 3
STORED = ["submission.stored", "job.opened"]


def through(relay: Relay, bank: Bank) -> list[str]:
    return ["--url", relay.url, "--key", bank.keys["mia"]]


def said(relay: Relay) -> list[str]:
    reason = f"The service at {relay.url} cannot be reached: Server disconnected without sending a response."
    return [f"The service is away; trying again. {reason}", "The service is back."]


def test_who_follows_events_gets_each_event_once_although_the_service_was_away(
    local: Program, bank: Bank, relay: Relay
) -> None:
    where = through(relay, bank)
    here = json.loads(local.run("events", "--json", "--after", "latest", *where).out)
    first, _, _ = bank.planned(*bank.workers(1))
    follower = local.start("events", "--follow", "--json", "--after", here["next"], *where)
    assert follower.stdout is not None
    events = [json.loads(follower.stdout.readline()) for _ in STORED]
    relay.wait_for("/feed", times=3)

    for _ in range(TRIES):
        relay.lose_answer()
    second, _, _ = bank.planned(*bank.workers(1))
    events += [json.loads(follower.stdout.readline()) for _ in STORED]
    complaints = interrupted(follower)

    assert [types_of(events, sample) for sample in (first, second)] == [STORED, STORED]
    assert (follower.returncode, complaints.splitlines()) == (
        0,
        [f"samplebank: {line}" for line in said(relay)],
    )


def test_who_follows_from_now_on_reads_on_from_the_moment_of_the_start(
    local: Program, bank: Bank, relay: Relay
) -> None:
    follower = local.start("events", "--follow", "--json", *through(relay, bank))
    assert follower.stdout is not None
    relay.wait_for("/feed.*wait=30")

    relay.lose_answer()
    sample, _, _ = bank.planned(*bank.workers(1))
    events = [json.loads(follower.stdout.readline()) for _ in STORED]
    interrupted(follower)

    assert types_of(events, sample) == STORED


def test_who_follows_jobs_sees_the_next_change_although_the_service_was_away(
    local: Program, bank: Bank, relay: Relay
) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    since = str(bank.job(job)["enqueuedTimestamp"])
    follower = local.start("jobs", "--follow", "--since", since, "--json", *through(relay, bank))
    assert follower.stdout is not None
    changes = [json.loads(follower.stdout.readline())]

    relay.cut("/job/search", times=TRIES)
    relay.wait_for("/job/search", times=1 + TRIES)
    bank.update(job, tasks[worker], "success")
    changes.append(json.loads(follower.stdout.readline()))
    complaints = interrupted(follower)

    assert [(change["id"], change["state"]) for change in changes] == [(job, "enqueued"), (job, "done")]
    assert (follower.returncode, complaints.splitlines()) == (
        0,
        [f"samplebank: {line}" for line in said(relay)],
    )


def test_who_follows_the_ledger_is_told_each_act_once_although_the_service_was_away(
    local: Program, bank: Bank, relay: Relay
) -> None:
    sample = bank.submitted()
    bank.get(f"{sample.path}/raw")
    wanted = ("--sample", sample.sha256, "--kind", "download", "--since", "1 hour")
    where = ("--url", relay.url, "--key", bank.keys[CHIEF])
    follower = local.start("audit", "--follow", "--json", *wanted, *where)
    assert follower.stdout is not None
    acts = [json.loads(follower.stdout.readline())]

    relay.cut("/audit", times=TRIES)
    relay.wait_for("/audit", times=1 + TRIES)
    bank.get(f"{sample.path}/safe")
    acts.append(json.loads(follower.stdout.readline()))
    complaints = interrupted(follower)

    assert [act["action"] for act in acts] == ["downloadRawSample", "downloadSafeSample"]
    assert (follower.returncode, complaints.splitlines()) == (
        0,
        [f"samplebank: {line}" for line in said(relay)],
    )


@pytest.mark.parametrize("path", ["GET .*/hunt/[^/]+", "/hits"])
def test_who_waits_for_a_hunt_sees_the_end_although_the_service_was_away(
    local: Program, bank: Bank, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.0)
    wanted = mark()
    since = str(later(time.time_ns() // 1_000_000))
    sample = marked(bank, wanted)
    (tmp_path / "rules").write_text(rules_for(wanted))
    where = ["--url", relay.url, "--key", bank.keys[CHIEF]]
    relay.cut(path, times=TRIES)

    with working(bank.url, bank.keys[CHIEF], NoAnalysers(), hunts=True, parallel=1):
        done = local.run("hunt", tmp_path / "rules", "--since", since, "--wait", *where)

    assert (done.status, done.complaints) == (0, [f"samplebank: {line}" for line in said(relay)])
    assert done.out.startswith(f"{sample.sha256}  found 60\n")


def test_who_waits_for_a_deletion_is_told_the_end_although_the_service_was_away(
    local: Program, bank: Bank, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.0)
    sample = bank.submitted()
    relay.cut("/servicetask/search", times=TRIES)

    done = local.run("delete", sample.sha256, "--url", relay.url, "--key", bank.keys[CHIEF])

    assert (done.status, done.complaints) == (0, [f"samplebank: {line}" for line in said(relay)])
    assert done.out.startswith(f"Deleted {sample.sha256}")


@pytest.mark.parametrize(
    ("command", "path"), [("events", "/feed"), ("jobs", "/job/search"), ("audit", "/audit")]
)
def test_a_service_that_is_away_at_the_start_is_told_at_once(
    local: Program, bank: Bank, relay: Relay, command: str, path: str
) -> None:
    relay.cut(path, times=TRIES)

    ended = local.run(command, "--follow", *through(relay, bank))

    assert (ended.status, len(ended.complaints), len(relay.found(path))) == (1, 1, TRIES)
    assert "cannot be reached" in ended.complaints[0]


@pytest.mark.parametrize("path", ["/job/search", "/sample/search", "/tasks"])
def test_who_waits_for_verdicts_gets_the_verdicts_although_the_service_was_away(
    client: Client, relay: Relay, bank: Bank, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.0)
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "success")
    told: list[str] = []
    relay.cut(path, times=TRIES)

    (outcome,) = follow(
        client, [Outcome("file", "submitted", sha256=sample.sha256, job=job)], lambda _: None, told.append
    )

    assert (outcome.job_state, told) == ("done", said(relay))


def test_who_waits_for_verdicts_does_not_wait_for_ever_for_the_service(
    local: Program, bank: Bank, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.0)
    monkeypatch.setattr(patience, "LONGEST_ABSENCE", -1.0)
    (tmp_path / "file").write_bytes(Sample().data)
    relay.cut("/job/search", times=2 * TRIES)

    ended = local.run("submit", tmp_path / "file", "--wait", *through(relay, bank))

    assert (ended.status, len(ended.complaints)) == (1, 2)
    assert "The service is away; trying again." in ended.complaints[0]
    assert "cannot be reached" in ended.complaints[1]
    assert "submitted" in ended.out


def test_a_key_that_is_refused_is_not_tried_again(relay: Relay) -> None:
    told: list[str] = []

    with Client(Connection(relay.url, "wrong")) as client, pytest.raises(Unauthenticated):
        patiently(partial(client.jobs), told.append)

    assert (told, len(relay.requests)) == ([], 1)


def test_a_fault_that_no_restart_mends_is_not_tried_again() -> None:
    def fault() -> None:
        raise Unavailable("There is no room.")

    told: list[str] = []

    with pytest.raises(Unavailable, match="no room"):
        patiently(fault, told.append)
    assert told == []
