"""Links from a sample to another sample. A link shows only to callers who may see the other sample."""

from typing import Any

import requests

from kit.bank import AGENT, CHIEF, ROBOT, V2, Bank, Sample, fields_of


def link(bank: Bank, sample: Sample, reference: str, user: str = ROBOT, **fields: Any) -> requests.Response:
    body = {"reference": reference, "type": "child", "tlp": "amber", "userAgent": AGENT, **fields}
    return bank.post(f"{sample.path}/link", body, user)


def test_a_link_belongs_to_the_customer_of_whoever_adds_it(bank: Bank) -> None:
    sample = bank.submitted()

    response = link(bank, sample, Sample().sha256)

    assert response.status_code == 201
    assert response.json()["data"]["customer"]["shortName"] == "mill"


def test_equal_links_are_two_links(bank: Bank) -> None:
    sample, reference = bank.submitted(), Sample().sha256
    link(bank, sample, reference)

    again = link(bank, sample, reference)

    assert again.status_code == 201
    assert len(bank.data(bank.get(f"{sample.path}/link", "mia"))) == 2


def test_a_reference_is_shown_where_it_is_visible_and_dead_elsewhere(bank: Bank) -> None:
    sample, secret = bank.submitted(tlp="clear"), bank.submitted("hana")
    path = f"{sample.path}/link/{link(bank, sample, secret.sha256, tlp='clear').json()['data']['id']}"

    for_mia, for_hana = bank.data(bank.get(path, "mia")), bank.data(bank.get(path, "hana"))

    assert for_mia["flags"] == ["deadReference"]
    assert "referencedSample" not in for_mia
    assert for_hana["flags"] == []
    assert for_hana["referencedSample"]["sha256"] == secret.sha256


def test_a_list_of_links_shows_the_samples_that_the_caller_may_see(bank: Bank) -> None:
    sample, other, secret = bank.submitted(), bank.submitted(), bank.submitted("hana")
    link(bank, sample, other.sha256)
    link(bank, sample, secret.sha256)
    link(bank, sample, Sample().sha256)

    rows = bank.data(bank.get(f"{sample.path}/link", "mia", limit=0))

    assert [row.get("referencedSample", {}).get("sha256") for row in rows] == [None, None, other.sha256]
    assert [row["flags"] for row in rows] == [["deadReference"], ["deadReference"], []]


def test_everything_wrong_with_a_link_is_told_at_once(bank: Bank) -> None:
    sample = bank.submitted()

    refused = link(bank, sample, "no hash", customer="nowhere", acl=["nobody-known"])

    assert (refused.status_code, fields_of(refused)) == (412, {"reference", "customer", "acl[0]"})


def test_a_link_needs_the_permission_for_its_customer(bank: Bank) -> None:
    sample = bank.submitted()

    refused = link(bank, sample, Sample().sha256, "analyzer", customer="quarry")

    assert refused.status_code == 403


def test_a_summary_counts_what_the_caller_may_see(bank: Bank) -> None:
    sample = bank.submitted()
    bank.submit(sample, "hana")
    link(bank, sample, Sample().sha256)
    link(bank, sample, Sample().sha256, customer="harbour", type="loads")

    summary = bank.data(bank.get(f"{sample.path}/link/summary", "hana"))

    assert summary == {"linkTypeSummary": [{"type": "loads", "count": 1}], "flags": []}


def test_a_link_of_another_sample_is_not_there(bank: Bank) -> None:
    sample, other = bank.submitted(), bank.submitted()
    id_ = link(bank, sample, other.sha256).json()["data"]["id"]

    refused = bank.get(f"{other.path}/link/{id_}", CHIEF)

    assert refused.status_code == 404


def test_a_link_to_add_needs_a_visible_sample(bank: Bank) -> None:
    refused = bank.post(f"{V2}/sample/{Sample().sha256}/link", {"reference": "x"}, ROBOT)

    assert refused.status_code == 404
