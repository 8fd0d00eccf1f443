"""Rules of the policy that end with the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kit.bank import CHIEF, Bank, name_of

RULES = "/sampledb/v2/policy/default/rule"


class AddRule(Protocol):
    """Adds a rule, and tells the name of the rule."""

    def __call__(self, match: dict[str, Any], action: dict[str, Any]) -> str: ...


@contextmanager
def adding_rules(bank: Bank) -> Iterator[AddRule]:
    """The rules end with the block: while a rule looks at types, all submissions wait for their type."""
    added: list[str] = []

    def add(match: dict[str, Any], action: dict[str, Any]) -> str:
        name = name_of("rule")
        body = {"name": name, "description": "for the test", "match": match, "action": action}
        added.append(bank.data(bank.post(RULES, body, CHIEF))["id"])
        return name

    yield add
    for rule in added:
        bank.delete(f"{RULES}/{rule}", CHIEF)
