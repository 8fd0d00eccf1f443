"""Both worlds, made once. `TWO_WORLDS_QUESTIONS` is the number of questions for each role; 2,000 are the goal."""

import os
from collections.abc import Iterator, Sequence

import pytest

from two_worlds import pages
from two_worlds.interface import changes_nothing, open_paths, operations_of
from two_worlds.questions import Asker
from two_worlds.worlds import Worlds, two_worlds

#: questions for each role in `make test`: each read of the interface and each page once at least
FEW = 120


@pytest.fixture(scope="package")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with two_worlds(tmp_path_factory.mktemp("worlds")) as worlds:
        yield worlds


@pytest.fixture(scope="package")
def askers(worlds: Worlds) -> Sequence[Asker]:
    """Of the interface, of the pages, and of what needs no key."""
    document = worlds.plain.bank.get("/openapi.json", None).json()
    reads = [one for one in operations_of(document) if changes_nothing(one)]
    return (
        Asker(reads, document["components"]["schemas"], worlds.names),
        Asker(pages.pages(), pages.schemas(), worlds.names),
        Asker(open_paths(), {}, worlds.names),
    )


@pytest.fixture(scope="package")
def changers(worlds: Worlds) -> Sequence[Asker]:
    """Of everything that the interface changes, and of the forms of pages."""
    document = worlds.plain.bank.get("/openapi.json", None).json()
    changes = [one for one in operations_of(document) if not changes_nothing(one)]
    return (
        Asker(changes, document["components"]["schemas"], worlds.names),
        Asker(pages.forms(), {}, worlds.names),
        Asker(pages.forms_for_all(), {}, worlds.names),
    )


@pytest.fixture(scope="session")
def number() -> int:
    return int(os.environ.get("TWO_WORLDS_QUESTIONS", FEW))


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("TWO_WORLDS_SEED", "1"))
