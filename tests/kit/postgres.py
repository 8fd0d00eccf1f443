"""Servers of PostgreSQL of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.postgres import Postgres

from kit.service import free_port

__all__ = ["Postgres", "own_postgres", "standby_of"]


@contextmanager
def standby_of(primary: Postgres, folder: Path) -> Iterator[Postgres]:
    """A standby that follows the primary, and takes questions."""
    folder.mkdir()
    with own_postgres(folder, primary) as standby:
        yield standby


@contextmanager
def own_postgres(folder: Path, primary: Postgres | None = None) -> Iterator[Postgres]:
    server = Postgres(folder, free_port(), primary)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
