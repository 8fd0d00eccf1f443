"""Operators watch workers and failures, and try a cause again, without loading a page again."""

import pytest
from playwright.async_api import expect

from browser.conftest import Tabs
from kit.bank import Bank, name_of
from kit.browser import Tab
from kit.service import Service

pytestmark = pytest.mark.usefixtures("no_retries")


@pytest.fixture
async def chief(tabs: Tabs, service: Service) -> Tab:
    return await (await tabs()).sign_in(service.keys["chief"])


def fail(bank: Bank, worker: str, message: str) -> None:
    _, job, tasks = bank.planned(worker)
    assert bank.update(job, tasks[worker], "failed", message=message).ok


async def followed(tab: Tab, path: str) -> None:
    """Open a page, and wait until the page is told of changes."""
    async with tab.page.expect_response("**/live?*"):
        await tab.open(path)


@pytest.mark.parametrize("path", ["/workers", "/worker/{worker}"])
async def test_a_line_grows_before_ones_eyes(chief: Tab, bank: Bank, path: str) -> None:
    worker = bank.worker()["shortName"]
    await followed(chief, path.format(worker=worker))
    shown = chief.page.locator(f"#worker-{worker}, #line").first
    await expect(shown).not_to_contain_text("never: start a worker")

    bank.planned(worker)

    await expect(shown).to_contain_text("never: start a worker")


async def test_failures_are_counted_before_ones_eyes_and_causes_stay_in_place(chief: Tab, bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    marks = [name_of("mark").replace("-", "") for _ in range(2)]
    fail(bank, worker, f"{marks[0]}: no disk")
    await followed(chief, f"/failures?worker={worker}")
    rows = chief.page.locator("#list tr[data-row]")
    await expect(rows).to_have_count(1)

    for _ in range(2):
        fail(bank, worker, f"{marks[1]}: no memory")

    # an added cause is more frequent, and would come first: whoever is about to click would hit the wrong cause
    await expect(chief.page.get_by_role("status").filter(has_text="1 new")).to_be_visible()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(marks[0])


async def test_a_cause_is_tried_again_with_progress_and_aborted(chief: Tab, bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    mark = name_of("mark").replace("-", "")
    for number in range(2):
        fail(bank, worker, f"{mark}: no disk of {number} MiB")
    await chief.open(f"/failures?worker={worker}")

    await chief.page.get_by_role("button", name="Analyse again").click()
    await chief.page.wait_for_url("**/failures/retry/*")
    told = chief.page.locator("#retry dl")
    await expect(told).to_contain_text("Jobs opened2")
    claims = bank.claim(worker, most=2)
    bank.update(claims[0]["job"]["id"], claims[0]["task"]["id"], "success")
    await expect(told).to_contain_text("Jobs ended1")
    await chief.page.get_by_role("button", name="Abort").click()

    await expect(chief.page.locator("h1")).to_contain_text("aborted")
    assert bank.job(claims[1]["job"]["id"])["state"] == "executing"
