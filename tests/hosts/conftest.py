"""One installation on two hosts: a PostgreSQL over TCP, a blob folder, and the service that made both."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from kit.bank import Bank
from kit.hosts import blobs_of, host
from kit.postgres import Postgres, own_postgres
from kit.service import Service

Host = Callable[..., AbstractContextManager[Service]]


@pytest.fixture(scope="package")
def server(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:  # noqa: ARG001 which makes the account
    with own_postgres(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="package")
def first(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The first host on the database, with the tenants and two samples."""
    folder = tmp_path_factory.mktemp("first")
    with host(folder / "host", server.url, folder / "blobs") as first:
        first.start()
        first.apply()
        yield first


@pytest.fixture(scope="package")
def shared(first: Service) -> Bank:
    """The installation as users see the first host."""
    return Bank(first.url, first.keys)


@pytest.fixture
def another(first: Service, server: Postgres, tmp_path: Path) -> Host:
    """Makes another host of the installation; settings and folders may be given otherwise."""
    return partial(host, tmp_path / "another", server.url, blobs_of(first))
