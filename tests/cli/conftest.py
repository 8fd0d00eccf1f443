"""The program with and without the shared service, a line to the service that breaks, and workers of the tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import SAMPLEBANK, Program, code_of_the_docs
from kit.bank import Bank, eventually
from kit.relay import Relay, relaying
from kit.service import Service
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection

HERE = Path(__file__).parent
#: workers and import paths: the analysers of own_analysers.py, and the analyser of the docs
ANALYSTS = {"own-static": "own_analysers:OwnStatic", "own-yara": "own_analysers:OwnYara", "urls": "urls:Urls"}


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def program(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in a data folder that no service has used."""
    return Program(capsys, SAMPLEBANK_DATA_DIR=str(data_folder))


@pytest.fixture
def local(service: Service, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in the data folder with the credentials of the shared service."""
    return Program(capsys, SAMPLEBANK_DATA_DIR=service.environment["SAMPLEBANK_DATA_DIR"])


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    with relaying(service.port) as relay:
        yield relay


@pytest.fixture
def client(relay: Relay, bank: Bank) -> Iterator[Client]:
    """The client of mia. The client reaches the service through the relay."""
    with Client(Connection(relay.url, bank.keys["mia"]), pauses=(0, 0)) as client:
        yield client


def seen_workers(bank: Bank) -> set[str]:
    """The workers that have asked for work."""
    workloads = bank.data(bank.get("/samplebank/v1/worker"))
    return {one["shortName"] for one in workloads if "lastSeenTimestamp" in one}


@pytest.fixture(scope="session")
def analysts(service: Service, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Names of workers that run beside the service. Yields when all workers have asked for work.

    The built-in analysers have separate names.
    """
    folder = tmp_path_factory.mktemp("analysts")
    (folder / "urls.py").write_text(code_of_the_docs("urls.py"))
    command = ["worker", "run", *ANALYSTS.values(), "--key", bank.keys["chief"]]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [SAMPLEBANK, *command, "--import-from", HERE, "--import-from", folder],
            env=service.environment,
            stdout=log,
            stderr=log,
        )
    assert eventually(lambda: set(ANALYSTS) <= seen_workers(bank))
    yield list(ANALYSTS)
    process.terminate()
    process.wait(30)
