"""The program with the shared service and without; a line to the service that breaks; workers of our own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import SAMPLEBANK, Program, code_of_the_docs
from kit.bank import V2, Bank, eventually
from kit.relay import Relay, relaying
from kit.service import Service
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection

HERE = Path(__file__).parent
#: those of own_analysers.py, and that of the docs
ANALYSTS = {"own-static": "own_analysers:OwnStatic", "own-yara": "own_analysers:OwnYara", "urls": "urls:Urls"}


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def program(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program where no service has been."""
    return Program(capsys, SAMPLEBANK_DATA_DIR=str(data_folder))


@pytest.fixture
def local(service: Service, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program where the shared service left its credentials."""
    return Program(capsys, SAMPLEBANK_DATA_DIR=service.environment["SAMPLEBANK_DATA_DIR"])


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    with relaying(service.port) as relay:
        yield relay


@pytest.fixture
def client(relay: Relay, bank: Bank) -> Iterator[Client]:
    """The client of mia, who reaches the service through the relay."""
    with Client(Connection(relay.url, bank.keys["mia"]), pauses=(0, 0)) as client:
        yield client


@pytest.fixture(scope="session")
def analysts(service: Service, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Workers that run beside the service, from the moment it knows them; the built-in ones under names of their own."""
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
    assert eventually(lambda: all(bank.get(f"{V2}/worker/{name}").ok for name in ANALYSTS), timeout=60)
    yield list(ANALYSTS)
    process.terminate()
    process.wait(30)
