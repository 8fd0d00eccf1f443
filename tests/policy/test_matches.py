"""No two rules match the same. What a rule matches is free again once the rule matches something else, or has ended."""

from secrets import token_hex
from typing import Any

import pytest
import requests

from kit.bank import Bank, fields_of, name_of
from kit.policy_rules import RULES


class Desk:
    """Makes rules by the metadata of submissions, and ends the rules after the test."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.made: list[str] = []

    def add(self, *values: str) -> requests.Response:
        answer = self.bank.post(RULES, {**self._matching(*values), "name": "rule", "description": ""})
        if answer.ok:
            self.made.append(answer.json()["data"]["id"])
        return answer

    def change(self, *values: str) -> requests.Response:
        """Let the newest rule match other values."""
        return self.bank.put(f"{RULES}/{self.made[-1]}", self._matching(*values))

    def end(self) -> None:
        while self.made:
            self.bank.delete(f"{RULES}/{self.made.pop()}")

    @staticmethod
    def _matching(*values: str) -> dict[str, Any]:
        match = {"submission": {"metaDataKey": ["origin"], "metaDataValue": list(values)}}
        return {"match": match, "action": {"options": {"add": [{"key": values[0], "value": "1"}]}}}


@pytest.fixture
def desk(bank: Bank) -> Any:
    desk = Desk(bank)
    yield desk
    desk.end()


def test_a_rule_that_shares_a_match_with_another_is_refused_by_name(desk: Desk) -> None:
    shared, other = name_of("shared"), name_of("other")
    desk.add(shared)

    refused = desk.add(other, shared)

    assert refused.status_code == 412
    assert f"the metadata 'origin' with the value '{shared}'" in refused.text


def test_a_rule_that_matches_more_keeps_what_it_matched(desk: Desk) -> None:
    kept, more = name_of("kept"), name_of("more")
    desk.add(kept)

    changed = desk.change(kept, more)

    assert (changed.status_code, desk.add(kept).status_code) == (200, 412)


def test_what_a_changed_rule_matched_before_is_free(desk: Desk) -> None:
    freed = name_of("freed")
    desk.add(freed)
    desk.change(name_of("new"))

    assert desk.add(freed).status_code == 201


def test_what_a_deleted_rule_matched_is_free(desk: Desk) -> None:
    freed = name_of("freed")
    desk.add(freed)
    desk.end()

    assert desk.add(freed).status_code == 201


def test_of_two_rules_for_the_longest_texts_of_any_script_one_is_refused(desk: Desk) -> None:
    longest = "".join(
        chr(0x20000 + ord(letter) * 977 + place) for place, letter in enumerate(10 * token_hex(50))
    )

    statuses = [desk.add(name_of("short"), longest).status_code for _ in range(2)]

    assert (len(longest), statuses) == (1000, [201, 412])


def test_a_rule_of_very_many_combinations_is_refused(desk: Desk) -> None:
    many = {
        "type": [f"t{number}" for number in range(101)],
        "superType": [f"s{number}" for number in range(100)],
    }

    refused = desk.bank.post(
        RULES,
        {
            "name": "rule",
            "description": "",
            "match": {"classification": many},
            "action": {"options": {"remove": ["a"]}},
        },
    )

    assert (refused.status_code, fields_of(refused)) == (412, {"match.classification"})


def test_of_many_shared_matches_a_hundred_are_told(desk: Desk) -> None:
    shared = [name_of("shared") for _ in range(101)]
    desk.add(*shared)

    assert len(desk.add(*shared).json()["messages"]) == 100
