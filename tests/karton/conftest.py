"""One Karton for the tests of this folder, with services of others as they are, a staged service, and a bridge."""

from collections.abc import Iterator

import pytest
from bench.karton import Karton

from kit.bank import Bank
from kit.karton import STAGED, STAGED_SERVICE, Kartons, kartons_of
from kit.s3 import s3_server
from kit.service import Service, free_port


@pytest.fixture(scope="session")
def karton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Karton]:
    folder = tmp_path_factory.mktemp("karton")
    with s3_server(folder / "s3") as s3:
        karton = Karton(folder, free_port, s3)
        karton.commands[STAGED] = (karton.python, str(STAGED_SERVICE))
        try:
            yield karton.start("system", "classifier", "archive-extractor", "yaramatcher", STAGED)
        finally:
            karton.stop()


@pytest.fixture(scope="session")
def kartons(
    karton: Karton, service: Service, bank: Bank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kartons]:
    with kartons_of(tmp_path_factory.mktemp("bridge"), service, bank, karton) as kartons:
        yield kartons
