"""Visitors of the shared service, signed in once for the run."""

from collections.abc import Callable

import pytest

from kit.service import Service
from kit.visitor import Visitor
from web import hostile as texts

Visitors = Callable[[str], Visitor]
hostile = texts.hostile


@pytest.fixture(scope="session")
def visitor(service: Service) -> Visitors:
    """Give the visitor of a user of the test tenants."""
    signed_in: dict[str, Visitor] = {}

    def visitor_of(user: str) -> Visitor:
        if user not in signed_in:
            signed_in[user] = Visitor(service.url).sign_in(service.keys[user])
        return signed_in[user]

    return visitor_of


@pytest.fixture
def stranger(service: Service) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(service.url)
