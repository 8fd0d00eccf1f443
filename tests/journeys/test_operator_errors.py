"""What goes wrong at the start is one line that says what to do, with exit code 1."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.bank import Bank, eventually
from kit.service import Service, running
from samplebank.database.account import find_account, run_for_cluster
from samplebank.database.embedded import BINARIES


def refused(folder: Path, settings: dict[str, str], *arguments: str) -> str:
    """The one line that a start which cannot succeed ends with."""
    service = Service(folder)
    service.environment.update(settings)
    done = service.run("serve", "--no-workers", *arguments)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SAMPLEBANK_PORT", "many", "SAMPLEBANK_PORT is 'many', but must be a whole number from 1 to 65535"),
        ("SAMPLEBANK_PORT", "70000", "a whole number from 1 to 65535"),
        ("SAMPLEBANK_SWEEP_INTERVAL", "0", "SAMPLEBANK_SWEEP_INTERVAL is '0'"),
        ("SAMPLEBANK_MALICIOUS_SCORE", "101", "a whole number from 1 to 100"),
        ("SAMPLEBANK_SWEEP_INTERVALL", "1", "no setting SAMPLEBANK_SWEEP_INTERVALL"),
        ("SAMPLEBANK_DATABASE_URL", "mysql://x", "must start with postgresql://"),
        ("SAMPLEBANK_DATABASE_URL", "postgresql://127.0.0.1:1/x", "database cannot be reached"),
        ("SAMPLEBANK_BLOB_URL", "ftp://x", "SAMPLEBANK_BLOB_URL is 'ftp://x'"),
        ("SAMPLEBANK_BLOB_URL", "file:///dev/null/x", "The blob folder /dev/null/x cannot be written"),
        ("SAMPLEBANK_DATA_DIR", "/dev/null/x", "data folder /dev/null/x cannot be made"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in refused(tmp_path, {name: value})


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refused(tmp_path, {}, "--port", str(port))

    assert f"127.0.0.1:{port} cannot be listened on" in line


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert Service(tmp_path).run("serve", "--no-such-option").returncode == 2


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, {"SAMPLEBANK_PROCESSES": "1"}) as service:
        yield service


def control_database(service: Service, *arguments: str) -> None:
    folder = service.folder / "data" / "postgres"
    command = [str(BINARIES / "pg_ctl"), "-D", str(folder / "data"), "-w", *arguments]
    account = find_account() if os.geteuid() == 0 else None
    with Path(os.devnull).open("w") as output:
        assert run_for_cluster(folder, command, account=account, output=output) == 0


def test_without_its_database_the_service_is_unavailable_until_that_is_back(own_service: Service) -> None:
    bank = Bank(own_service.url, own_service.keys)
    sample, run = bank.submitted(), own_service.folder / "data" / "postgres" / "run"
    control_database(own_service, "stop", "-m", "immediate")
    without = bank.get(sample.path)

    control_database(own_service, "start", "-l", "/dev/null", "-o", f"-c unix_socket_directories='{run}'")

    assert (without.status_code, without.headers["Retry-After"]) == (503, "1")
    assert eventually(lambda: bank.get(sample.path).status_code == 200)
