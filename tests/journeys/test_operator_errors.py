"""A failed start ends with exit code 1, and with one line that says what to do."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from kit.bank import Bank, eventually
from kit.postgres import Postgres
from kit.processes import children
from kit.service import Service, running
from kit.visitor import Visitor


def refused(folder: Path, settings: dict[str, str], *arguments: str) -> str:
    """The one line at the end of a start without success."""
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
        (
            "SAMPLEBANK_DATABASE_URL",
            "postgresql://127.0.0.1:1/x",
            "SAMPLEBANK_DATABASE_URL names 127.0.0.1:1.",
        ),
        ("SAMPLEBANK_BLOB_URL", "ftp://x", "SAMPLEBANK_BLOB_URL is 'ftp://x'"),
        ("SAMPLEBANK_BLOB_URL", "file:///dev/null/x", "The blob folder /dev/null/x cannot be written"),
        ("SAMPLEBANK_DATA_DIR", "/dev/null/x", "data folder /dev/null/x cannot be made"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in refused(tmp_path, {name: value})


def test_a_folder_of_rules_that_is_none_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path, {"SAMPLEBANK_YARA_RULES": str(tmp_path / "rules")})

    done = service.run("serve")

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"SAMPLEBANK_YARA_RULES is '{tmp_path}/rules', but must be a folder" in done.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refused(tmp_path, {}, "--port", str(port))

    assert f"127.0.0.1:{port} cannot be listened on" in line
    assert list((tmp_path / "data").iterdir()) == []


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    assert "nowhere.invalid:" in (line := refused(tmp_path, {}, "--host", "nowhere.invalid"))
    assert "--host" in line


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert Service(tmp_path).run("serve", "--no-such-option").returncode == 2


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Service]:
    """A service with the database of an operator. The service restarts only an embedded database."""
    postgres.order("CREATE DATABASE operated")
    url = f"{postgres.url.removesuffix('/postgres')}/operated"
    folder = tmp_path_factory.mktemp("operated")
    with running(folder, {"SAMPLEBANK_PROCESSES": "1", "SAMPLEBANK_DATABASE_URL": url}) as service:
        yield service
    postgres.order("DROP DATABASE operated WITH (FORCE)")


def test_a_service_whose_database_takes_no_changes_is_not_ready(
    operated: Service, postgres: Postgres
) -> None:
    bank = Bank(operated.url, operated.keys)
    postgres.order("ALTER DATABASE operated SET default_transaction_read_only = on")
    postgres.end_sessions("datname = 'operated'")

    told = eventually(
        lambda: "takes no changes" in (answer := bank.get("/readyz", None)).text and answer.status_code
    )

    assert told == 503
    postgres.order("ALTER DATABASE operated RESET default_transaction_read_only")
    postgres.end_sessions("datname = 'operated'")
    assert eventually(lambda: bank.get("/readyz", None).status_code == 200)


def test_without_its_database_the_service_is_unavailable_until_that_is_back(
    operated: Service, postgres: Postgres
) -> None:
    bank = Bank(operated.url, operated.keys)
    sample = bank.submitted()
    postgres.stop("immediate")
    without = bank.get(sample.path)

    postgres.start()

    assert (without.status_code, without.headers["Retry-After"]) == (503, "1")
    assert eventually(lambda: bank.get(sample.path).status_code == 200)


def test_pages_without_the_database_lead_back_to_where_the_visitor_was(
    operated: Service, postgres: Postgres
) -> None:
    sample = Bank(operated.url, operated.keys).submitted()
    mia = Visitor(operated.url).sign_in(operated.keys["mia"])
    postgres.stop("immediate")
    asked = mia.get(f"/sample/{sample.sha256}/bytes?at=0x10")
    told = mia.post(f"/sample/{sample.sha256}/notes", {"key": "a-note", "text": "half a note"})

    postgres.start()

    assert (asked.status, told.status) == (503, 503)
    assert f"../../sample/{sample.sha256}/bytes?at=0x10" in asked.links()
    assert "Try again" not in told.text("main")
    back = f"../../sample/{sample.sha256}"
    assert "Back to the sample" in told.text("main")
    assert back in told.links()
    assert eventually(lambda: mia.get(f"/sample/{sample.sha256}").status == 200)


def answers(service: Service, path: str) -> int:
    """The status of an answer; 0 while no web process is there to answer."""
    try:
        return requests.get(service.url + path, timeout=10).status_code
    except requests.RequestException:
        return 0


def test_a_web_process_starts_without_its_database(operated: Service, postgres: Postgres) -> None:
    (web,) = children(operated, "serve")
    postgres.stop("immediate")
    os.kill(web, signal.SIGKILL)

    assert eventually(lambda: children(operated, "serve") not in ([], [web]))
    assert eventually(lambda: answers(operated, "/healthz") == 200)
    assert answers(operated, "/readyz") == 503
    assert operated.runs

    postgres.start()
    assert eventually(lambda: answers(operated, "/readyz") == 200)
