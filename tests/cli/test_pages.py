"""Follows pages of the docs to the letter, and compares pages with the program."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.bank import Bank, Sample, name_of
from kit.pages import ROOT, blocks, text_of
from kit.service import Service
from samplebank.accounts.model import ROLES, Permission

#: the scripts of docs/sensors.md, with the start command of each; the shell script only where its tools exist
SENSORS = {"sensor.py": [sys.executable], "sensor.sh": ["sh"]}
RUNNABLE = [name for name in SENSORS if name == "sensor.py" or (shutil.which("curl") and shutil.which("jq"))]


def script_of(name: str) -> str:
    shown = blocks("docs/sensors.md", "python") + blocks("docs/sensors.md")
    (script,) = (block for block in shown if f"# {name}: " in block)
    return script


@pytest.fixture(scope="module")
def uploaders_key(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The key of a sensor for the customer mill, made as the page says."""
    (tenants,) = blocks("docs/sensors.md", "toml")
    user, path = name_of("sensor"), tmp_path_factory.mktemp("sensor") / "tenants.toml"
    path.write_text(tenants.replace("mail-gateway", user).replace("acme", "mill"))
    keys: dict[str, str] = json.loads(service.run("apply", str(path), "--json").stdout)["keys"]
    return keys[user]


def brought(service: Service, key: str, folder: Path, script: str, file: Path) -> str:
    """Upload a file with a script of the page. Returns the output of the script."""
    (folder / script).write_text(script_of(script))
    done = subprocess.run(
        [*SENSORS[script], folder / script, file],
        env={**os.environ, "SAMPLEBANK_URL": service.url, "SAMPLEBANK_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("script", RUNNABLE)
@pytest.mark.parametrize("size", [100, 100_000])
def test_a_sensor_of_the_page_brings_new_known_and_small_files(
    service: Service, bank: Bank, uploaders_key: str, tmp_path: Path, script: str, size: int
) -> None:
    sample, file, other_name = Sample(size), tmp_path / "sighting", tmp_path / "another sighting"
    file.write_bytes(sample.data)
    other_name.write_bytes(sample.data)

    first = brought(service, uploaders_key, tmp_path, script, file)
    second = brought(service, uploaders_key, tmp_path, script, other_name)

    submissions = bank.data(bank.get(f"{sample.path}/submission", limit=0))
    assert {submission["id"]: submission["fileName"] for submission in submissions} == {
        first: "sighting",
        second: "another sighting",
    }


@pytest.mark.parametrize("script", RUNNABLE)
def test_a_sensor_of_the_page_brings_files_whose_names_mean_something_to_tools(
    service: Service, bank: Bank, uploaders_key: str, tmp_path: Path, script: str
) -> None:
    sample, file = Sample(100), tmp_path / "invoice[1] {a,b} \\.exe"
    file.write_bytes(sample.data)

    brought(service, uploaders_key, tmp_path, script, file)

    (submission,) = bank.data(bank.get(f"{sample.path}/submission", limit=0))
    assert submission["fileName"] == file.name


def requested(service: Service, key: str, folder: Path) -> dict[str, Any]:
    """The answer to the one request of the sensors page."""
    (request,) = (block for block in blocks("docs/sensors.md") if "/samplebank/v1/sample?" in block)
    done = subprocess.run(
        ["sh", "-e", "-c", request],
        cwd=folder,
        env={**os.environ, "SAMPLEBANK_URL": service.url, "SAMPLEBANK_KEY": key},
        capture_output=True,
        check=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_one_request_of_the_sensors_page_brings_a_file(
    service: Service, uploaders_key: str, tmp_path: Path
) -> None:
    sample = Sample()
    (tmp_path / "invoice.exe").write_bytes(sample.data)

    answer = requested(service, uploaders_key, tmp_path)

    submission = answer["data"]
    assert answer["responseCode"] == 201
    assert (submission["sampleSha256"], submission["fileName"]) == (sample.sha256, "invoice.exe")
    assert submission["metaData"] == {"source": "mail"}


def test_the_one_request_of_the_sensors_page_is_not_repeated_when_it_is_refused(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "invoice.exe").write_bytes(b"content")

    assert requested(service, "sb_unknown", tmp_path)["responseCode"] == 401


def test_the_python_of_the_readme_brings_a_file(service: Service, bank: Bank, tmp_path: Path) -> None:
    sample = Sample()
    (tmp_path / "suspect.exe").write_bytes(sample.data)
    (script,) = blocks("README.md", "python")
    script = script.replace("<API key>", service.keys["mia"]).replace("http://127.0.0.1:8080", service.url)

    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True, timeout=60)

    (submission,) = bank.data(bank.get(f"{sample.path}/submission"))
    assert (submission["fileName"], submission["userAgent"]["name"]) == ("suspect.exe", "my-script")


def test_the_roles_of_the_page_are_those_of_the_program() -> None:
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in text_of("docs/roles.md").splitlines()
    ]
    (head,) = (row for row in rows if row[:2] == ["permission", "what it allows"])
    held = {row[0]: row[2:] for row in rows if len(row) == len(head) and row[0] in set(Permission)}

    assert held == {
        str(permission): ["x" if permission in ROLES[role] else "" for role in head[2:]]
        for permission in Permission
    }
    assert set(head[2:]) == set(ROLES)


def test_the_commands_of_the_roles_page_work(service: Service) -> None:
    user = name_of("alice")
    tenants = service.folder / f"{user}.toml"
    tenants.write_text(
        f'[[customer]]\nshortName = "acme"\nname = "Acme"\ndomain = "here"\n'
        f'[[user]]\nshortName = "{user}"\ncustomer = "acme"\n'
        f'[[grant]]\nsubject = "{user}"\nrole = "SAMPLEDB-USER"\ncustomer = "acme"\n'
    )
    service.run("apply", str(tenants))
    commands = blocks("docs/roles.md")[0].replace("alice", user)

    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        env={**service.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "weekly report" in done.stdout


@pytest.mark.parametrize("page", sorted(page.name for page in (ROOT / "docs/decisions").glob("*.md")))
def test_every_decision_is_in_the_index_and_names_the_test_that_enforces_it(page: str) -> None:
    text = text_of(f"docs/decisions/{page}")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)

    assert page == "README.md" or f"]({page})" in text_of("docs/decisions/README.md")
    assert page == "README.md" or named
