"""Pages below a prefix: links, forms, files and signing in work behind a proxy that takes the prefix away."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from browser.conftest import Tabs
from browser.dropping import drop, files, judge, say
from kit.bank import Bank, name_of
from kit.proxy import prefixed
from kit.service import Service


@pytest.fixture(scope="module")
def prefix(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefixed(service.url, tmp_path_factory.mktemp("nginx")) as url:
        yield url


async def test_pages_work_below_a_prefix(prefix: str, service: Service, bank: Bank, tabs: Tabs) -> None:
    word = name_of("lure")
    sample = bank.submitted(fileName=word)
    tab = await (await tabs(prefix)).sign_in(service.keys["mia"])

    await tab.query.fill(word)
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_role("link", name=word).click()
    await tab.page.wait_for_url(f"{prefix}/sample/{sample.sha256}")
    await tab.page.get_by_role("link", name="History").click()
    await tab.page.wait_for_url(f"{prefix}/sample/{sample.sha256}/history")
    await tab.page.keyboard.press("g")
    await tab.page.keyboard.press("j")
    await tab.page.wait_for_url(f"{prefix}/jobs")
    await tab.page.get_by_role("button", name="Sign out").click()
    await tab.page.wait_for_url(f"{prefix}/login")

    outside = [request.url for request in tab.requests if not request.url.startswith(f"{prefix}/")]
    assert outside == []


async def test_a_stranger_is_led_to_the_sign_in_page_below_the_prefix(
    prefix: str, service: Service, tabs: Tabs
) -> None:
    tab = await tabs(prefix)
    await tab.open("/jobs?q=state%3Adone")

    await tab.page.get_by_label("API key").fill(service.keys["mia"])
    await tab.page.keyboard.press("Enter")

    await tab.page.wait_for_url(f"{prefix}/jobs?q=state%3Adone")


async def test_files_are_sent_and_followed_below_a_prefix(
    prefix: str, service: Service, bank: Bank, tabs: Tabs
) -> None:
    worker = bank.worker()["shortName"]
    dropped = files(2)
    tab = await (await tabs(prefix)).sign_in(service.keys["mia"])
    await tab.open("/submit")
    await say(tab, bank.plan(worker))

    await drop(tab, dropped)
    rows = tab.page.locator("#files tr[id]")
    await expect(rows).to_have_count(2)
    judge(bank, worker, next(iter(dropped.values())), 2)

    await expect(rows.locator(".verdict.malicious")).to_have_count(1)
    assert tab.page.url.startswith(f"{prefix}/submit?batch=")


async def test_a_look_is_chosen_below_a_prefix(prefix: str, tabs: Tabs) -> None:
    tab = await tabs(prefix)
    await tab.open("/login")

    await tab.page.get_by_role("button", name="Dark", exact=True).click()

    await tab.page.locator("html[data-theme=dark]").wait_for(state="attached")
    assert tab.path == "/login"
