"""Every operation for every role: who is let in. No operation is open by accident."""

import pytest

from architecture.operations import GUARDED, IDS, lets_in, path_of
from kit.bank import Bank
from kit.users import EVERYWHERE, USERS
from samplebank.accounts.model import ROLES
from samplebank.api.app import ROUTES
from samplebank.http.operation import Operation

SIGN_IN = {"/samplebank/v1/sign-in", "/samplebank/v1/sign-in/key"}
OPEN = {"/healthz", "/readyz", "/metrics", "/samplebank/v1/receipts/keys", "/openapi.json", "/docs", *SIGN_IN}


def test_only_the_listed_routes_are_open() -> None:
    open_paths = {path for route in ROUTES if route.opt.get("open") for path in route.paths}

    assert open_paths <= OPEN


def test_every_route_declares_whether_it_is_guarded() -> None:
    undeclared = [
        route.paths for route in ROUTES if not route.opt.get("open") and "operation" not in route.opt
    ]

    assert undeclared == []


def test_no_two_operations_share_a_name() -> None:
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=IDS)
def test_an_operation_needs_a_key(bank: Bank, method: str, path: str, operation: Operation) -> None:
    answer = bank.call(method, path, None)

    assert answer.status_code == 401, operation.id
    assert answer.json()["messages"]


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=IDS)
def test_head_needs_what_get_needs(bank: Bank, method: str, path: str, operation: Operation) -> None:
    without_key = bank.call("HEAD", path, None).status_code
    without_role = bank.call("HEAD", path, "nobody").status_code

    expected = {401} if method == "GET" else {401, 405}
    assert without_key in expected, operation.id
    if method == "GET":
        assert (without_role == 403) is bool(operation.needs)


@pytest.mark.parametrize("path", sorted({path_of(route) for route in ROUTES}))
def test_every_path_tells_its_methods_and_nothing_else(bank: Bank, path: str) -> None:
    told = bank.call("OPTIONS", path, None)

    methods = {m for route in ROUTES if path_of(route) == path for m in route.http_methods}
    expected = {"OPTIONS", *methods, *(["HEAD"] if "GET" in methods else [])}
    assert (told.status_code, told.content) == (204, b"")
    assert set(told.headers["Allow"].split(", ")) == expected


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=IDS)
def test_an_operation_lets_in_who_holds_one_of_its_permissions(
    bank: Bank, method: str, path: str, operation: Operation, user: str
) -> None:
    held = ROLES.get(USERS[user] or "", frozenset())
    expected = lets_in(operation, held, everywhere=user in EVERYWHERE)

    answer = bank.call(method, path, user)

    assert (answer.status_code != 403) is expected, answer.text[:300]
    assert answer.status_code < 500
