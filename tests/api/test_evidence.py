"""Evidence: files of any kind that back an analysis. Who sees the analysis sees the evidence."""

import hashlib
from typing import Any

import pytest
import requests

from kit.bank import ROBOT, Bank, Sample, fields_of, name_of, together


@pytest.fixture
def place(bank: Bank) -> str:
    """The path for evidence of a fresh analysis of mill."""
    sample = bank.submitted()
    return f"{sample.path}/analysis/{bank.analyse(sample, name_of('w'))}/evidence"


def put(bank: Bank, place: str, content: bytes, name: str = "report.txt", **more: Any) -> requests.Response:
    return bank.call("POST", f"{place}/{name}", more.pop("user", ROBOT), data=content, **more)


def test_hostile_evidence_comes_back_byte_for_byte_and_is_never_shown(bank: Bank, place: str) -> None:
    content = b"<script>alert(1)</script>"
    stored = put(bank, place, content, "page.html", headers={"Content-Type": "text/html"}).json()["data"]

    response = bank.get(f"{place}/{stored['id']}/download", "mia")

    assert response.content == content
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_empty_evidence_is_evidence(bank: Bank, place: str) -> None:
    stored = put(bank, place, b"")

    downloaded = bank.get(f"{place}/{stored.json()['data']['id']}/download", "mia")

    assert (stored.status_code, downloaded.status_code, downloaded.content) == (201, 200, b"")
    assert stored.json()["data"]["checksum"] == hashlib.sha256().hexdigest()


def test_an_upload_repeated_at_once_answers_the_stored_evidence(bank: Bank, place: str) -> None:
    uploads = together([lambda: put(bank, place, b"the same") for _ in range(6)])

    assert sorted(upload.status_code for upload in uploads) == [200] * 5 + [201]
    assert len(bank.data(bank.get(place, "mia"))) == 1


@pytest.mark.parametrize(
    ("content", "name"), [(b"the same", "other.txt"), (b"other", "report.txt")], ids=["name", "bytes"]
)
def test_other_evidence_is_stored_beside(bank: Bank, place: str, content: bytes, name: str) -> None:
    put(bank, place, b"the same")

    other = put(bank, place, content, name)

    assert other.status_code == 201
    assert len(bank.data(bank.get(place, "mia"))) == 2


@pytest.mark.parametrize(
    "name", ["...", "%2E%2E%2E", "a%20b", "a%0A", "a%00b", "%C3%A4", "a%5Cb", "a;b", "a" * 256]
)
def test_a_name_with_other_characters_or_dots_alone_is_refused(bank: Bank, place: str, name: str) -> None:
    refused = put(bank, place, b"x", name)

    assert (refused.status_code, fields_of(refused)) == (412, {"fileName"})
    assert bank.data(bank.get(place, "mia")) == []


def test_a_name_that_leads_elsewhere_is_at_no_path(bank: Bank, place: str) -> None:
    refused = put(bank, place, b"x", "..%2F..%2Fetc%2Fpasswd")

    assert refused.status_code == 404


def test_a_bad_flag_and_a_bad_name_are_told_with_their_fields(bank: Bank, place: str) -> None:
    refused = put(bank, place, b"x", params={"internal": "perhaps", "public": "true"})

    assert (refused.status_code, fields_of(refused)) == (412, {"internal", "public"})


def test_evidence_needs_the_permission_for_the_customer_of_its_analysis(bank: Bank) -> None:
    sample = bank.submitted("hana", tlp="clear")
    analysis = bank.analyse(sample, name_of("w"), customer="harbour", tlp="clear")

    refused = put(bank, f"{sample.path}/analysis/{analysis}/evidence", b"x", user="analyzer")

    assert refused.status_code == 403


def test_evidence_of_an_invisible_analysis_is_not_there(bank: Bank) -> None:
    sample = bank.submitted()
    bank.submit(sample, "hana")
    place = f"{sample.path}/analysis/{bank.analyse(sample, name_of('w'))}/evidence"
    stored = put(bank, place, b"x").json()["data"]["id"]

    answers = [bank.get(path, "hana") for path in (place, f"{place}/{stored}", f"{place}/{stored}/download")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_evidence_for_a_sample_that_is_not_there_is_refused(bank: Bank) -> None:
    refused = put(bank, f"{Sample().path}/analysis/x/evidence", b"x")

    assert refused.status_code == 404
