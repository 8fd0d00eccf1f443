"""`samplebank events`: what happens, page by page or as it comes."""

import json
from typing import Any

from cli.program import Program
from kit.bank import Bank
from kit.feed import types_of
from kit.processes import interrupted

STORED = ["submission.stored", "job.opened"]


def told(program: Program, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(program.run("events", "--json", *arguments).out)
    return document


def test_events_are_told_from_a_cursor_on(local: Program, bank: Bank) -> None:
    here = told(local, "--after", "latest")
    sample, _, _ = bank.planned(*bank.workers(1))

    first = told(local, "--after", here["next"], "--limit", "1")
    rest = told(local, "--after", first["events"][0]["cursor"])

    assert here["events"] == []
    assert types_of(first["events"], sample) == STORED[:1]
    assert types_of(rest["events"], sample) == STORED[1:]


def test_the_table_tells_time_type_and_sample_and_where_to_read_on(local: Program, bank: Bank) -> None:
    here = told(local, "--after", "latest")
    sample = bank.submitted()

    ended = local.run("events", "--after", here["next"])

    assert [sample.sha256 in line for line in ended.out.splitlines() if "submission.stored" in line] == [True]
    assert ended.complaints[0].startswith("Read on with --after ")


def test_following_tells_events_as_they_come_until_it_is_interrupted(local: Program, bank: Bank) -> None:
    here = told(local, "--after", "latest")
    follower = local.start("events", "--follow", "--json", "--after", here["next"])
    assert follower.stdout is not None
    sample, _, _ = bank.planned(*bank.workers(1))

    events = [json.loads(follower.stdout.readline()) for _ in STORED]
    complaints = interrupted(follower)

    assert types_of(events, sample) == STORED
    assert (follower.returncode, complaints) == (0, "")


def test_a_cursor_that_is_none_is_one_line(local: Program) -> None:
    ended = local.run("events", "--after", "x")

    assert ended.status == 1
    assert len(ended.complaints) == 1
    assert "This is no cursor of the feed" in ended.complaints[0]
