"""`samplebank doctor` as an operator calls it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from kit.service import Service

SUBJECTS: Final = {
    "database", "connections", "clock", "housework", "disk", "blob store", "sandbox", "jobs", "leases", "workers", "events",
    "keys", "budgets", "bytes of samples", "rows of samples", "bytes of evidence", "rows of evidence", "tallies",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(service: Service) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is told of the running service."""
    done = service.run("doctor", "--json")
    return done.returncode, json.loads(done.stdout)


def test_every_part_is_looked_at(told: tuple[int, dict[str, Any]]) -> None:
    assert {one["subject"] for one in told[1]["findings"]} >= SUBJECTS


def test_the_exit_code_tells_whether_a_fault_was_found(told: tuple[int, dict[str, Any]]) -> None:
    code, answer = told

    assert code == any(one["level"] == "fault" for one in answer["findings"])


def test_people_get_a_line_for_each_look_and_a_sum(service: Service) -> None:
    done = service.run("doctor")

    lines = done.stdout.splitlines()
    assert any(line.startswith("ok") and "clock: The clocks" in line for line in lines)
    assert f"looks at the data folder {service.folder / 'data'}: " in lines[-1]


def test_without_an_installation_there_is_one_line(tmp_path: Path) -> None:
    elsewhere = Service(tmp_path)

    done = elsewhere.run("doctor")

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "There is no installation" in done.stderr


def test_a_full_disk_is_told_by_the_looks_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(service.environment, "SAMPLEBANK_DISK_RESERVE", str(10**15))

    done = service.run("doctor")

    assert "The disk of the blobs is nearly full" in done.stdout
    assert done.stderr == ""
