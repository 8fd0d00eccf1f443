"""Changes come from pages of the service only."""

import pytest

from kit.service import Service
from kit.visitor import Visitor


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


def test_a_change_without_any_origin_is_refused(service: Service) -> None:
    assert status_with(service, {}) == 403


def test_a_refused_change_says_what_to_do(service: Service, stranger: Visitor) -> None:
    shown = stranger.post("/login", {"key": service.keys["mia"]}, headers={})

    assert "Load the page again" in shown.text()
    assert "Sign in" not in shown.text()
