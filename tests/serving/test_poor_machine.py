"""A machine that gives little: a kernel without Landlock, few open files."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.bank import Bank
from kit.service import Service, copy_prepared
from samplebank.serving.descriptors import raise_limit

TESTS = Path(__file__).parents[1]


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Service]:
    """A service that accepts a kernel without Landlock."""
    settings = {"PYTHONPATH": str(TESTS), "SAMPLEBANK_SANDBOX": "best", "SAMPLEBANK_PROCESSES": "1"}
    service = Service(tmp_path, settings)
    service.before = [sys.executable, "-m", "kit.old_kernel"]
    service.keys.update(copy_prepared(tmp_path / "data"))
    service.start()
    yield service
    service.stop()


def test_what_the_sandbox_lacks_is_told_by_the_check_and_by_the_log(poor: Service) -> None:
    ready = Bank(poor.url, poor.keys).get("/readyz", None)

    (missing,) = ready.json()["data"]["sandboxLacks"]
    assert "Landlock" in missing
    warnings = [line for line in poor.log.read_text().splitlines() if "sandbox.incomplete" in line]
    assert warnings
    assert all("WARNING" in line and missing in line for line in warnings)


@pytest.fixture
def allowed() -> Iterator[int]:
    """The files that the operator allows a process, where the process begins with fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft // 2, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_takes_as_many_files_as_the_operator_allows(allowed: int) -> None:
    raise_limit()

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, allowed)
