"""Changes come from pages of the service only."""

from collections.abc import Iterator

import pytest

from kit.service import Service, running
from kit.visitor import Visitor


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind a proxy. The operator has written its address with capital letters, the usual port and a path."""
    settings = {"SAMPLEBANK_PUBLIC_URL": "http://Bank.Example:80/bank", "SAMPLEBANK_PROCESSES": "1"}
    with running(tmp_path_factory.mktemp("named"), settings) as service:
        yield service


def status_with(service: Service, headers: dict[str, str]) -> int:
    """The answer to an attempt to sign in with these headers."""
    visitor = Visitor(service.url)
    return visitor.post("/login", {"key": service.keys["mia"]}, headers=headers, follow=False).status


def test_a_form_of_the_service_is_taken(service: Service) -> None:
    assert status_with(service, {"Sec-Fetch-Site": "same-origin"}) == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_a_form_of_another_site_is_refused(service: Service, site: str) -> None:
    assert status_with(service, {"Sec-Fetch-Site": site, "Origin": service.url}) == 403


def test_over_plain_http_a_fitting_origin_is_taken(service: Service) -> None:
    assert status_with(service, {"Origin": service.url}) == 303


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
def test_over_plain_http_another_origin_is_refused(service: Service, origin: str) -> None:
    assert status_with(service, {"Origin": origin}) == 403


@pytest.mark.parametrize("host", ["bank.example:80", "Bank.Example"])
def test_over_plain_http_a_proxy_may_write_the_host_in_its_own_way(service: Service, host: str) -> None:
    assert status_with(service, {"Host": host, "Origin": "http://bank.example"}) == 303


def test_browsers_write_the_public_address_in_their_own_way(named: Service) -> None:
    assert status_with(named, {"Origin": "http://bank.example"}) == 303


@pytest.mark.parametrize(
    "origin", ["http://bank.example:8080", "https://bank.example", "http://bank.example.evil.example"]
)
def test_an_address_like_the_public_one_is_refused(named: Service, origin: str) -> None:
    assert status_with(named, {"Origin": origin}) == 403


def test_beside_the_public_address_the_host_asked_for_does_not_count(named: Service) -> None:
    assert status_with(named, {"Host": "evil.example", "Origin": "http://evil.example"}) == 403


def test_a_change_without_any_origin_is_refused(service: Service) -> None:
    assert status_with(service, {}) == 403


def test_a_refused_change_says_what_to_do(service: Service, stranger: Visitor) -> None:
    shown = stranger.post("/login", {"key": service.keys["mia"]}, headers={})

    assert "Load the page again" in shown.text()
    assert "Sign in" not in shown.text()
