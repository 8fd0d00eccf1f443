"""A service whose people come from a provider, shared by the tests."""

from collections.abc import Iterator

import pytest

from kit.oidc import GROUPS, RULES, ProviderServer, apply, signing_in
from kit.service import Service


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, ProviderServer]]:
    """A service with the rules of these tests, and its provider."""
    folder = tmp_path_factory.mktemp("oidc")
    with signing_in(folder) as (service, provider):
        apply(service, folder, GROUPS + RULES)
        yield service, provider


@pytest.fixture
def mine(place: tuple[Service, ProviderServer]) -> Service:
    return place[0]


@pytest.fixture
def company(place: tuple[Service, ProviderServer]) -> ProviderServer:
    return place[1]
