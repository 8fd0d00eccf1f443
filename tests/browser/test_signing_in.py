"""Signing in and out in a real browser, with scripts and without."""

import json

import pytest

from browser.conftest import Tabs
from kit.browser import HOST
from kit.service import Service

both = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def link_for(service: Service, user: str) -> str:
    url: str = json.loads(service.run("login", user, "--json").stdout)["url"]
    return url.removeprefix(service.url)


@both
async def test_a_key_signs_in_and_the_button_signs_out(
    service: Service, tabs: Tabs, *, scripts: bool
) -> None:
    tab = await (await tabs(java_script_enabled=scripts)).sign_in(service.keys["mia"])

    await tab.page.get_by_role("button", name="Sign out").click()
    await tab.open("/samples")

    assert tab.path == "/login?next=%2Fsamples"


@both
async def test_a_link_signs_in(service: Service, tabs: Tabs, *, scripts: bool) -> None:
    tab = await tabs(java_script_enabled=scripts)

    await tab.open(link_for(service, "mia"))
    await tab.page.get_by_role("button", name="Sign in").click()

    await tab.page.get_by_role("link", name="mia", exact=True).wait_for()


@both
async def test_over_plain_http_a_host_name_signs_in(service: Service, tabs: Tabs, *, scripts: bool) -> None:
    tab = await tabs(f"http://{HOST}:{service.port}", java_script_enabled=scripts)

    await tab.sign_in(service.keys["mia"])

    posted = [await request.all_headers() for request in tab.requests if request.method == "POST"]
    assert [("sec-fetch-site" in headers, headers["origin"]) for headers in posted] == [(False, tab.url)]


async def test_who_has_signed_in_sees_the_page_asked_for(service: Service, tabs: Tabs) -> None:
    tab = await tabs()
    await tab.open("/jobs?q=state%3Adone")

    await tab.page.get_by_label("API key").fill(service.keys["mia"])
    await tab.page.keyboard.press("Enter")

    await tab.page.wait_for_url("**/jobs?q=state%3Adone")


async def test_a_page_kept_by_the_browser_is_gone_after_signing_out(service: Service, tabs: Tabs) -> None:
    tab = await (await tabs()).sign_in(service.keys["mia"])
    await tab.open("/me")
    await tab.page.get_by_role("button", name="Sign out").click()
    await tab.page.wait_for_url("**/login")

    await tab.page.go_back()

    await tab.page.get_by_label("API key").wait_for()
