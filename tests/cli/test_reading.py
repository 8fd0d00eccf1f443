"""How the commands read arguments, and write to the terminal."""

import io

import pytest
import typer
from rich.console import Console

from samplebank.cli import printing
from samplebank.cli.answers import Verdict
from samplebank.cli.following import assessment
from samplebank.cli.jobs import since_when
from samplebank.cli.pairs import read_pairs
from samplebank.cli.worker_choice import import_path

WEEK = 7 * 86_400_000
NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1 week", NOW - WEEK),
        ("now - 1 week", NOW - WEEK),
        ("7d", NOW - WEEK),
        ("1 week + 1 day", NOW - WEEK + WEEK // 7),
        ("2023-11-14T22:13:20Z", NOW),
        (str(NOW), NOW),
    ],
)
def test_since_takes_a_moment_or_a_span_that_ends_now(text: str, moment: int) -> None:
    assert since_when(text, now=NOW) == moment


def test_since_refuses_what_is_neither() -> None:
    with pytest.raises(typer.BadParameter, match='A span such as "1 week" will do too'):
        since_when("a while", now=NOW)


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (None, "unknown"),
        (Verdict(score=-1), "unknown"),
        (Verdict(score=0), "benign"),
        (Verdict(score=29), "benign"),
        (Verdict(score=30), "suspicious"),
        (Verdict(score=69), "suspicious"),
        (Verdict(score=70), "malicious"),
        (Verdict(score=0, status_override="malicious"), "malicious"),
        (Verdict(score=100, status_override="benign"), "benign"),
    ],
)
def test_a_verdict_is_one_word(verdict: Verdict | None, word: str) -> None:
    assert assessment(verdict) == word


@pytest.mark.parametrize(
    ("verdict", "is_withdrawal"),
    [
        (Verdict(score=100, status_override="malicious", flags=["manual"]), False),
        (Verdict(score=0, status_override="benign", flags=["manual"]), False),
        (Verdict(score=95, flags=["manual"]), True),
        (Verdict(score=10, status_override="malicious", flags=["manual"]), True),
        (Verdict(score=10, status_override="malicious"), False),
    ],
)
def test_a_verdict_that_was_taken_back_is_known_without_its_analyses(
    verdict: Verdict,
    is_withdrawal: bool,  # noqa: FBT001 a table
) -> None:
    assert verdict.is_withdrawal is is_withdrawal


def test_a_value_may_hold_an_equals_sign() -> None:
    assert read_pairs(["case=a=b", "empty="], "--meta") == {"case": "a=b", "empty": ""}


@pytest.mark.parametrize(
    ("name", "path"),
    [("static", "samplebank.worker.analysers.static:StaticAnalyser"), ("mine.here:Mine", "mine.here:Mine")],
)
def test_an_analyser_is_named_by_a_short_name_or_its_import_path(name: str, path: str) -> None:
    assert import_path(name) == path


def test_the_name_of_a_sample_cannot_write_to_the_terminal() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)

    with screen.capture() as shown:
        screen.print(printing.table(["FILE"], [["[red]evil\x1b[2J\n.exe"]]))

    assert "[red]evil\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}.exe" in shown.get()


def test_what_people_copy_stays_in_one_piece_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    console = printing.out()
    whole = ["f" * 64, "2026-11-29T22:04:17.123Z", "2026-11-29 22:04", "0192f3aa-1111-7222-8333-444455556666"]

    with console.capture() as shown:
        console.print(printing.table(["FILE", "SHA-256", "AT", "SEEN", "ID"], [["/a folder/" * 8, *whole]]))

    assert all(word in shown.get() for word in whole)
    assert "/a folder/" * 8 not in shown.get()


@pytest.mark.parametrize("columns", ["0", "00", "-1", "wide", ""])
def test_a_table_is_shown_whatever_width_is_told(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    console = printing.out()

    with console.capture() as shown:
        console.print(printing.table(["FILE"], [["evil.exe"]]))

    assert "evil.exe" in shown.get()


def test_a_complaint_of_any_length_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    printing.complain("no " * 100_000)

    assert len(capsys.readouterr().err) < 5000


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    printing.complain("It failed.\n  Twice.\x1b[2J")

    assert capsys.readouterr().err == "samplebank: It failed. Twice.\N{REPLACEMENT CHARACTER}[2J\n"
