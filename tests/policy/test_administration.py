"""Who may decide for whom: the installation is not governed by an administrator of one customer."""

from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from kit.bank import V2, Bank, name_of
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.model import Customer, Domain, Permission, Subject
from samplebank.http.exchange import Exchange
from samplebank.http.guard import administers
from samplebank.settings import Settings

RULES = f"{V2}/policy/default/rule"


def rule(match: dict[str, Any], action: dict[str, Any] | None = None) -> dict[str, Any]:
    name = name_of("rule")
    return {
        "name": name,
        "description": "",
        "match": match,
        "action": action or {"options": {"add": [{"key": name, "value": "1"}]}},
    }


def of_customers(*customers: str) -> dict[str, Any]:
    return {"customer": {"customerOrGroup": list(customers)}}


def of_metadata() -> dict[str, Any]:
    return {"submission": {"metaDataKey": [name_of("key")], "metaDataValue": ["value"]}}


@pytest.fixture
def free(bank: Bank) -> Any:
    """Adds rules, and deletes them after the test: each customer may have one."""
    added: list[str] = []

    def add(body: dict[str, Any], user: str) -> Any:
        answer = bank.post(RULES, body, user)
        if answer.status_code == 201:
            added.append(answer.json()["data"]["id"])
        return answer

    yield add
    for id_ in added:
        bank.delete(f"{RULES}/{id_}")


def test_an_administrator_of_a_customer_makes_rules_for_it(free: Any) -> None:
    answer = free(rule(of_customers("mill-south")), "boss")

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "match", [of_customers("quarry"), of_customers("mill-south", "quarry"), of_metadata()]
)
def test_it_makes_no_rule_that_concerns_others(free: Any, match: dict[str, Any]) -> None:
    answer = free(rule(match), "boss")

    assert answer.status_code == 403


def test_it_does_not_touch_the_rules_of_others(bank: Bank, free: Any) -> None:
    id_ = free(rule(of_customers("quarry")), "chief").json()["data"]["id"]

    changed = bank.put(f"{RULES}/{id_}", {"name": "mine"}, "boss")
    taken_over = bank.put(f"{RULES}/{id_}", {"match": of_customers("mill-south")}, "boss")
    deleted = bank.delete(f"{RULES}/{id_}", "boss")

    assert [answer.status_code for answer in (changed, taken_over, deleted)] == [403, 403, 403]


def test_it_does_not_widen_its_rules_to_others(bank: Bank, free: Any) -> None:
    id_ = free(rule(of_customers("mill-south")), "boss").json()["data"]["id"]

    widened = bank.put(f"{RULES}/{id_}", {"match": of_customers("mill-south", "quarry")}, "boss")

    assert widened.status_code == 403


@pytest.mark.parametrize(
    ("administration", "scope", "may"),
    [
        ("all", Scope(everywhere=True), True),
        ("all", Scope(customers=frozenset({1})), False),
        ("any", Scope(customers=frozenset({1})), True),
        ("any", Scope(), False),
    ],
    ids=["everybody", "one customer", "one customer is enough", "nobody"],
)
def test_the_setting_says_for_whom_an_administrator_must_stand(
    administration: Literal["all", "any"], scope: Scope, *, may: bool
) -> None:
    customer = Customer(1, "mill", "Mill", Domain(1, "here"), None)
    caller = Caller(Subject(1, "user", "someone", "Someone", customer), (), {Permission.REINDEX: scope})
    bank = SimpleNamespace(settings=Settings(administration=administration))

    found = administers(cast("Exchange", SimpleNamespace(bank=bank, caller=caller)), Permission.REINDEX)

    assert found is may
