"""The page of the policy: the workers of every sample, and the rules in words."""

from kit.bank import Bank
from kit.policy_rules import AddRule
from web.conftest import Visitors


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
