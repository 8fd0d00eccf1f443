"""A clean environment for the program, and a staged service."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.staging import Program, Staged, StagedHandler, StagedServer
from samplebank.cli.local_service import LocalService, running


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def program(data_folder: Path) -> Program:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
    return Program({**inherited, "SAMPLEBANK_DATA_DIR": str(data_folder)})


@pytest.fixture
def staged() -> Iterator[Staged]:
    with StagedServer(("127.0.0.1", 0), StagedHandler) as server:
        server.staged = Staged(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.staged
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with running(tmp_path_factory.mktemp("service"), keep=False) as service:
        yield service


@pytest.fixture
def local(program: Program, service: LocalService) -> Program:
    """The program, started where the service left its credentials."""
    return Program({**program.environment, "SAMPLEBANK_DATA_DIR": str(service.log.parent)})
