"""The page of the policy: the workers of every sample, and the rules in words."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from kit.bank import CHIEF, Bank, name_of
from web.conftest import Visitors

RULES = "/sampledb/v2/policy/default/rule"


class AddRule(Protocol):
    """Adds a rule, and tells the name of the rule."""

    def __call__(self, match: dict[str, Any], action: dict[str, Any]) -> str: ...


@pytest.fixture
def add_rule(bank: Bank) -> Iterator[AddRule]:
    """The rules end with the test: while a rule looks at types, all submissions wait for their type."""
    added: list[str] = []

    def add(match: dict[str, Any], action: dict[str, Any]) -> str:
        name = name_of("rule")
        body = {"name": name, "description": "for the test", "match": match, "action": action}
        added.append(bank.data(bank.post(RULES, body, CHIEF))["id"])
        return name

    yield add
    for rule in added:
        bank.delete(f"{RULES}/{rule}", CHIEF)


def test_a_rule_is_told_in_words(bank: Bank, visitor: Visitors, add_rule: AddRule) -> None:
    (worker,) = bank.workers(1)
    match = {"classification": {"type": ["docx", "xlsx"], "superType": ["document"]}}
    options = {"add": [{"key": "depth", "value": "deep"}]}
    name = add_rule(match, {"workers": {"add": [worker]}, "options": options})

    shown = visitor("chief").get("/policy").text()

    said = f"{name} for the test type docx or xlsx and super type document also run {worker} with depth=deep"
    assert said in shown


def test_a_rule_of_others_is_not_told(bank: Bank, visitor: Visitors, add_rule: AddRule) -> None:
    (worker,) = bank.workers(1)
    name = add_rule({"customer": {"customerOrGroup": ["mill"]}}, {"workers": {"remove": [worker]}})

    assert f"{name} for the test customer mill do not run {worker}" in visitor("chief").get("/policy").text()
    assert name not in visitor("quinn").get("/policy").text()
