"""The page of similar samples, which the page of relations shows as its part."""

import secrets

from kit.bank import Bank
from kit.similar import fact, near_to, some_tlsh, told
from web.conftest import Visitors


def test_near_samples_and_values_in_common_lead_to_the_samples(bank: Bank, visitor: Visitors) -> None:
    tlsh, section = some_tlsh(), secrets.token_hex(32)
    sample = told(bank, fact("tlsh", tlsh), fact("section", section))
    near = told(bank, fact("tlsh", near_to(tlsh, 9)), fact("section", section), fileName="near.exe")

    shown = visitor("mia").get(f"/sample/{sample.sha256}/similar")

    assert [cell.text() for cell in shown.all("#similar tr[data-row] td:first-child")] == ["9"]
    assert f"../../sample/{near.sha256}" in shown.links()
    assert any(link.endswith(f"samples?q=fact.section%3A{section}") for link in shown.links())


def test_the_relations_lead_to_similar_samples(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted()

    shown = visitor("mia").get(f"/sample/{sample.sha256}/relations")

    (part,) = shown.all("[data-part]")
    assert part.attributes["data-part"] == f"../../sample/{sample.sha256}/similar#similar"


def test_a_sample_without_facts_says_how_facts_come(bank: Bank, visitor: Visitors) -> None:
    shown = visitor("mia").get(f"/sample/{bank.submitted().sha256}/similar")

    assert "next analysis" in shown.text("#similar")
