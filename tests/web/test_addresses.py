"""What stands at addresses that somebody types or pastes: unknown pages, digests, assets."""

from typing import Any

import pytest

from kit.bank import Bank
from kit.service import Service
from kit.visitor import Visitor
from samplebank.web import assets
from web.conftest import Visitors


@pytest.mark.parametrize(
    "path", ["/nothing", "/sample/xyz", "/job/xyz", "/sample/" + "0" * 63, "/-/0/app.css"]
)
def test_an_unknown_page_says_so(visitor: Visitors, path: str) -> None:
    shown = visitor("chief").get(path)

    assert shown.status == 404
    assert shown.all("h1")


def test_a_malformed_digest_is_told_apart(visitor: Visitors) -> None:
    shown = visitor("chief").get(f"/sample/{'0' * 63}")

    assert (shown.status, "64 hexadecimal digits" in shown.text()) == (404, True)


def test_an_unknown_page_has_the_frame_of_the_visitor(visitor: Visitors) -> None:
    shown = visitor("chief").get("/nothing")

    assert "chief" in shown.text("nav")
    assert "Sign in" not in shown.text()


def test_an_unknown_page_offers_strangers_to_sign_in(stranger: Visitor) -> None:
    shown = stranger.get("/nothing")

    assert shown.status == 404
    assert "Sign in" in shown.text()


def test_an_asset_is_kept_for_ever(stranger: Visitor) -> None:
    shown = stranger.get(f"/{assets.path_of('app.css')}")

    assert shown.status == 200
    assert shown.response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_programs_still_get_json_at_unknown_paths(bank: Bank) -> None:
    answer: Any = bank.get("/nothing")

    assert (answer.status_code, answer.json()["responseCode"]) == (404, 404)


def test_a_pasted_digest_leads_to_the_sample(
    service: Service, visitor: Visitors, hostile: dict[str, str]
) -> None:
    shown = visitor("chief").get(f"/sample/%20SHA256:{hostile['sha256'].upper()}")

    assert shown.response.url == f"{service.url}/sample/{hostile['sha256']}"


@pytest.mark.parametrize("name", ["md5", "sha1", "sha512"])
def test_another_digest_leads_to_the_samples_with_the_digest(
    bank: Bank, visitor: Visitors, hostile: dict[str, str], name: str
) -> None:
    digest = bank.data(bank.get(f"/sampledb/v2/sample/{hostile['sha256']}"))[name]

    shown = visitor("chief").get(f"/sample/{digest}")

    assert [node.attributes["value"] for node in shown.all("input[name=sha256]")] == [hostile["sha256"]]
