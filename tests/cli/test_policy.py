"""`samplebank policy` and `samplebank me`: what is chosen for samples, and what a key may do."""

import json

from cli.program import Program
from kit.bank import Bank
from kit.policy_rules import RULES, AddRule


def test_a_rule_is_told_as_the_page_tells_the_rule(local: Program, bank: Bank, add_rule: AddRule) -> None:
    (worker,) = bank.workers(1)
    options = {"add": [{"key": "depth", "value": "deep"}]}
    match = {"submission": {"metaDataKey": ["origin"], "metaDataValue": [worker]}}
    name = add_rule(match, {"workers": {"add": [worker]}, "options": options})

    lines = local.run("policy").out.splitlines()

    (line,) = [line for line in lines if line.startswith(name)]
    assert " ".join(line.split()) == f"{name} metadata origin={worker} also run {worker}"
    assert "with depth=deep" in lines[lines.index(line) + 1]


def test_json_has_what_the_service_tells(local: Program, bank: Bank) -> None:
    document = json.loads(local.run("policy", "--json").out)

    assert set(document) == {"default", "rules"}
    assert document["default"]["workers"] == bank.data(bank.get(RULES.removesuffix("/rule")))["workers"]


def test_a_key_is_told_with_its_user(local: Program) -> None:
    first, *permissions = local.run("me").out.splitlines()

    assert first.startswith("admin (")
    assert "  viewSamples" in permissions
