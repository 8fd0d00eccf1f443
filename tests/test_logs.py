"""The log shows what happens, however often one thing fails."""

import logging

import pytest

from samplebank.logs import Faults, TextFormatter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(logging.getLogger("tests.faults"), interval=60, clock=clock)


def told(caplog: pytest.LogCaptureFixture) -> list[int]:
    """For each line, how many faults like it were left out before."""
    return [vars(record)["fields"].get("unsaid", 0) for record in caplog.records]


def test_a_repeated_fault_is_one_line_a_minute_with_a_count(
    faults: Faults, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    error = OSError("the disk is full")

    for second in range(61):
        clock.now = second
        faults.tell("request.failed", error)

    assert told(caplog) == [0, 59]


def test_different_faults_do_not_hide_each_other(faults: Faults, caplog: pytest.LogCaptureFixture) -> None:
    faults.tell("request.failed", OSError("the disk is full"))

    faults.tell("request.failed", ValueError("no number"))
    faults.tell("sweep.failed", OSError("the disk is full"))

    assert told(caplog) == [0, 0, 0]


def test_a_repeated_remark_is_one_line_a_minute_for_each_kind(
    faults: Faults, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(61):
        clock.now = second
        faults.warn("task.released", kind="static", task=second)
        faults.warn("task.released", kind="yara", task=second)

    assert told(caplog) == [0, 0, 59, 59]


def test_the_message_of_an_error_forges_no_line_and_moves_no_terminal() -> None:
    forged = "2026-01-31T12:00:00.123Z INFO    request user=admin"
    error = ValueError(f"evil\n{forged}\x1b[2J\u202e")
    record = logging.LogRecord(
        "a", logging.ERROR, "", 0, f"failed\n{forged}", None, (ValueError, error, None)
    )

    lines = TextFormatter().format(record).split("\n")

    assert not any(line.startswith(forged) for line in lines)
    assert all(line.isprintable() for line in lines)
    assert lines[-2:] == ["  ValueError: evil", f"  {forged}\\x1b[2J\\u202e"]
