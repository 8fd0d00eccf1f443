"""Failures by cause: messages that differ in numbers, names and places only are one cause."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.bank import CHIEF, V2, Bank, eventually, fields_of, name_of
from kit.children import Parent, some_bytes
from samplebank.jobs.causes import LONGEST_CAUSE, cause_of

FAILURES = "/samplebank/v1/failures"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Out of memory after 512 MiB", "Out of memory after <number> MiB"),
        ("took 61.5s of 60s", "took <number>s of <number>s"),
        ("cannot open /tmp/a1/b: no", "cannot open <path>: no"),
        ("cannot open C:\\Temp\\x.exe", "cannot open <path>"),
        ("cannot open ../up/x", "cannot open <path>"),
        (f"sample {'ab12' * 16} is broken", "sample <hash> is broken"),
        ("bad address 0x7FFE12ab", "bad address <hash>"),
        ("task 08d9cd0d-1111-4222-8333-444455556666 is lost", "task <id> is lost"),
        ("no route to http://10.0.0.7:8080/x?y=1", "no route to <url>"),
        ("at 2026-01-02T03:04:05.678Z it broke", "at <time> it broke"),
        ("x86_64 and v1.4 and sha256 stay", "x86_64 and v1.4 and sha256 stay"),
        ("No module named 'lief'", "No module named 'lief'"),
        ("and/or is a word", "and/or is a word"),
        ("Attempt 1: no disk\nAttempt 2: no disk\nAttempt 3: no disk", "Attempt <number>: no disk"),
        ("one\n\n two", "one two"),
        ("Added when the type of the file came: shell. The job took too long.", "The job took too long."),
        ("Added when the type of the file came: shell.", "no message"),
        ("", "no message"),
        (None, "no message"),
    ],
)
def test_a_message_is_folded_to_its_cause(message: str | None, cause: str) -> None:
    assert cause_of(message) == cause


@given(st.text(alphabet="a0f/\\. :-x~'\nZT\U0001f600"))
def test_the_cause_of_any_message_is_short_and_on_one_line(message: str) -> None:
    found = cause_of(message)

    assert 0 < len(found) <= LONGEST_CAUSE
    assert "\n" not in found


def found(bank: Bank, mark: str, user: str = CHIEF, **query: Any) -> list[dict[str, Any]]:
    causes = bank.data(bank.get(FAILURES, user, limit=200, **query))["causes"]
    return [cause for cause in causes if mark in cause["cause"]]


def failed(bank: Bank, worker: str, message: str, user: str = "mia") -> str:
    _, job, tasks = bank.planned(worker, user=user)
    assert bank.update(job, tasks[worker], "failed", message=message).ok
    return job


def test_failures_with_the_same_cause_are_counted_with_workers_and_examples(bank: Bank) -> None:
    one, other = bank.workers(2)
    mark = name_of("mark").replace("-", "")
    jobs = [failed(bank, one, f"{mark}: no disk of {size} MiB") for size in range(3)]
    jobs.append(failed(bank, other, f"{mark}: no disk of 512 MiB"))

    (cause,) = found(bank, mark)

    assert cause["cause"] == f"{mark}: no disk of <number> MiB"
    assert cause["failures"] == 4
    assert {one["worker"]: one["failures"] for one in cause["workers"]} == {one: 3, other: 1}
    assert cause["exampleJobIDs"] == jobs[:0:-1]
    assert cause["firstTimestamp"] == bank.job(jobs[0])["endTimestamp"]
    assert cause["lastTimestamp"] == bank.job(jobs[-1])["endTimestamp"]


def test_a_failure_counts_once_when_the_parent_is_judged_again(bank: Bank) -> None:
    parent = Parent(bank)
    child = parent.found(some_bytes())
    mark = name_of("mark").replace("-", "")
    bank.data(bank.update(parent.job, parent.task, "failed", message=mark))
    child.judged(10)
    parent.ended()

    body = {"statusOverride": "malicious", "comment": "seen elsewhere"}
    bank.data(bank.post(f"{V2}/sample/{child.sample.sha256}/verdict", body))
    assert eventually(lambda: len(bank.jobs_of(parent.sample)) == 2)

    (cause,) = found(bank, mark)
    assert (cause["failures"], cause["exampleJobIDs"]) == (1, [parent.job])


def test_failures_of_other_customers_are_not_told(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    mark = name_of("mark").replace("-", "")
    failed(bank, worker, f"{mark} 1", user="quinn")
    failed(bank, worker, f"{mark} 2")

    assert [cause["failures"] for cause in found(bank, mark, "mia")] == [1]
    assert [cause["failures"] for cause in found(bank, mark)] == [2]


@pytest.mark.parametrize(
    ("query", "fields"), [({"days": 0, "limit": 0}, {"days", "limit"}), ({"days": 31}, {"days"})]
)
def test_each_bad_bound_is_named(bank: Bank, query: dict[str, Any], fields: set[str]) -> None:
    answer = bank.get(FAILURES, **query)

    assert (answer.status_code, fields_of(answer)) == (412, fields)
