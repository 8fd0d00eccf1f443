"""Static facts: the answer for a key is sent once."""

from typing import Any

import pytest
import requests

from kit.bank import AGENT, Bank, Sample, fields_of, together


def say(bank: Bank, sample: Sample, key: str, value: str, user: str = "chief") -> requests.Response:
    return bank.post(f"{sample.path}/fact", {"key": key, "value": value, "userAgent": AGENT}, user)


def keys_of(bank: Bank, sample: Sample, **parameters: Any) -> list[str]:
    return [fact["key"] for fact in bank.data(bank.get(f"{sample.path}/fact", "mia", **parameters))]


def test_the_same_fact_again_answers_the_stored_one(bank: Bank) -> None:
    sample = bank.submitted()
    first = say(bank, sample, "first-seen", "2024")

    again = say(bank, sample, "first-seen", "2024")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["data"] == first.json()["data"]


def test_a_fact_never_changes(bank: Bank) -> None:
    sample = bank.submitted()
    say(bank, sample, "first-seen", "2024")

    refused = say(bank, sample, "first-seen", "2025")

    assert (refused.status_code, fields_of(refused)) == (412, {"key"})


def test_a_fact_said_by_many_at_once_is_stored_once(bank: Bank) -> None:
    sample = bank.submitted()

    said = together([lambda: say(bank, sample, "packer", "upx") for _ in range(8)])

    assert sorted(response.status_code for response in said) == [200] * 7 + [201]
    assert len({response.json()["data"]["id"] for response in said}) == 1


def test_facts_are_seen_by_whoever_sees_the_sample(bank: Bank) -> None:
    sample = bank.submitted("hana")
    say(bank, sample, "packer", "upx")

    refused = bank.get(f"{sample.path}/fact", "mia")

    assert refused.status_code == 404


def test_a_fact_names_its_author_only_to_those_who_may_know_the_customer_of_the_author(bank: Bank) -> None:
    sample = bank.submitted("hana")
    bank.submit(sample, "mia")
    say(bank, sample, "packer", "upx", "chief")

    (seen,), (seen_by_others,) = [
        bank.data(bank.get(f"{sample.path}/fact", user)) for user in ("mia", "hana")
    ]

    assert seen["createdByUser"]["shortName"] == "chief"
    assert seen_by_others == {key: value for key, value in seen.items() if key != "createdByUser"}


def test_facts_are_filtered_by_their_keys(bank: Bank) -> None:
    sample = bank.submitted()
    together([lambda: say(bank, sample, "a", "1"), lambda: say(bank, sample, "b", "2")])

    found = keys_of(bank, sample, key=["b", "x"])

    assert found == ["b"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "", "value": "v"}, "key"),
        ({"key": "k" * 256, "value": "v"}, "key"),
        ({"key": "k", "value": "v" * 10_001}, "value"),
        ({"key": "k"}, "value"),
        ({"key": "k", "value": "a\x00b"}, "value"),
    ],
)
def test_what_is_no_fact_is_refused_with_the_field(bank: Bank, body: dict[str, str], field: str) -> None:
    sample = bank.submitted()

    refused = bank.post(f"{sample.path}/fact", {**body, "userAgent": AGENT})

    assert (refused.status_code, fields_of(refused)) == (412, {field})
