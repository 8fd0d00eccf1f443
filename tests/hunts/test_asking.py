"""Asking for hunts: what is looked at, who may ask, what is refused."""

import time
from typing import Any

import pytest

from hunts.hunting import HUNT, ask, begun, claimed, mark, marked, now, rules_for
from kit.bank import Bank, fields_of, later, name_of


def samples_of(bank: Bank, hunt: dict[str, Any]) -> list[str]:
    return [sample["id"] for sample in claimed(bank, hunt)["samples"]]


def test_a_hunt_looks_at_the_newest_samples_first(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    samples = [marked(bank, "any", "quinn") for _ in range(3)]

    hunt = begun(bank, rules_for("any"), "quinn", since=since)

    assert (hunt["state"], hunt["samples"], hunt["ruleCount"]) == ("enqueued", 3, 1)
    assert samples_of(bank, hunt) == [sample.sha256 for sample in reversed(samples)]


def test_a_hunt_looks_at_what_its_user_may_download_and_nothing_else(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    own = marked(bank, "any", "quinn")
    public = marked(bank, "any", "hana", tlp="clear")
    marked(bank, "any", "hana")

    hunt = begun(bank, rules_for("any"), "quinn", since=since)

    assert samples_of(bank, hunt) == [public.sha256, own.sha256]


def test_a_sample_that_comes_while_the_hunt_runs_is_no_part_of_it(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    before = marked(bank, "any", "quinn")

    hunt = begun(bank, rules_for("any"), "quinn", since=since)
    marked(bank, "any", "quinn")

    assert samples_of(bank, hunt) == [before.sha256]


def test_a_hunt_looks_at_what_its_query_finds(bank: Bank) -> None:
    name = name_of("file")
    wanted = marked(bank, "any", "quinn", fileName=name)
    marked(bank, "any", "quinn")

    hunt = begun(bank, rules_for("any"), "quinn", query=f"name:{name}")

    assert (hunt["query"], samples_of(bank, hunt)) == (f"name:{name}", [wanted.sha256])


def test_a_hunt_through_nothing_is_done(bank: Bank) -> None:
    hunt = begun(bank, rules_for("any"), "quinn", until=1000)

    assert (hunt["state"], hunt["samples"], hunt["hits"]) == ("done", 0, 0)


def test_rules_that_do_not_compile_are_refused_with_the_lines_of_the_compiler(bank: Bank) -> None:
    refused = ask(bank, "rule one { condition: true }\nrule two { condition: nonsense }", "quinn")

    (message,) = refused.json()["messages"]
    assert (refused.status_code, message["field"]) == (412, "rules")
    assert message["message"].startswith("Line 2: error[E009]: unknown identifier `nonsense`")


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("", id="none"),
        pytest.param("// nothing but a remark", id="no rule"),
        pytest.param("\n".join(f"rule r{n} {{ condition: true }}" for n in range(1001)), id="many"),
        pytest.param("//" + "x" * 512 * 1024, id="large"),
        pytest.param('include "/etc/passwd"\nrule a { condition: true }', id="include"),
        pytest.param("rule a { condition: true } \udcff".encode(errors="replace").decode() * 2, id="twice"),
        pytest.param('rule a { strings: $a = "x\0y" condition: $a }', id="nul"),
    ],
)
def test_rules_beyond_the_bounds_are_refused(bank: Bank, rules: str) -> None:
    refused = ask(bank, rules, "quinn")

    assert (refused.status_code, fields_of(refused)) == (412, {"rules"}), refused.text


def test_mistakes_in_bounds_query_and_customer_are_named(bank: Bank) -> None:
    refused = ask(bank, rules_for("any"), "quinn", since=2000, until=1000, customer="nobody-there")

    assert (refused.status_code, fields_of(refused)) == (412, {"since", "customer"})


def test_mistakes_in_the_query_of_a_hunt_are_named_by_their_place_in_the_field_query(bank: Bank) -> None:
    refused = [
        ask(bank, rules_for("any"), "quinn", query=query)
        for query in ("nonsense:1", "ab", "customer:nobody-there")
    ]

    places = [(answer.status_code, fields_of(answer)) for answer in refused]
    assert places == [(412, {"query[0:8]"}), (412, {"query[0:2]"}), (412, {"query[9:21]"})]


def test_nobody_hunts_for_a_customer_without_the_permission(bank: Bank) -> None:
    assert ask(bank, rules_for("any"), "quinn", customer="mill").status_code == 403


def test_few_hunts_of_a_user_are_under_way(bank: Bank) -> None:
    marked(bank, "any", "hana")
    hunts = [ask(bank, rules_for("any"), "hana") for _ in range(6)]

    assert [hunt.status_code for hunt in hunts] == [201] * 5 + [412]
    for hunt in hunts[:5]:
        assert bank.delete(f"{HUNT}/{hunt.json()['data']['id']}", "hana").status_code == 200


def test_a_hunt_that_is_asked_for_again_with_its_key_is_begun_once(bank: Bank) -> None:
    body, headers = {"rules": rules_for(mark()), "until": 1000}, {"Idempotency-Key": name_of("key")}

    first, second = (bank.call("POST", HUNT, "quinn", json=body, headers=headers) for _ in range(2))

    assert (first.status_code, second.json()) == (201, first.json())


def test_a_hunt_is_seen_by_its_user_and_by_who_sees_the_jobs_of_its_customer(bank: Bank) -> None:
    hunt = begun(bank, rules_for("any"), "nora", until=1000)

    assert now(bank, hunt, "nora")["rules"] == now(bank, hunt, "viewer")["rules"] == rules_for("any")
    assert bank.get(f"{HUNT}/{hunt['id']}", "quinn").status_code == 404
    assert hunt["id"] not in [one["id"] for one in bank.data(bank.get(HUNT, "quinn", limit=0))]
    assert hunt["id"] in [one["id"] for one in bank.data(bank.get(HUNT, "viewer", limit=0))]
