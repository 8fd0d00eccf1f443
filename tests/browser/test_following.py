"""Pages that follow changes: what somebody has marked, opened or focused stays, and a broken stream comes back."""

from uuid import uuid4

import pytest
from playwright.async_api import Locator, Route, expect

from browser.dropping import judge
from kit.bank import Bank, Sample
from kit.browser import Tab

#: seconds on the clock of a page, more than a page waits before the page asks again
TURNS = 60
FOCUSED = "one => one.contains(document.activeElement)"


@pytest.fixture
def worker(bank: Bank) -> str:
    name: str = bank.worker()["shortName"]
    return name


async def follow(tab: Tab, path: str) -> None:
    """Open a page, and wait until the page is told of changes."""
    async with tab.page.expect_response("**/live?*"):
        await tab.open(path)


async def wait_for(tab: Tab, asked: list[str], number: int) -> None:
    """Let the clock of the page go on until the page has asked so often."""
    for _ in range(TURNS):
        if len(asked) >= number:
            return
        await tab.page.clock.run_for(1_000)


def row_of(tab: Tab, sample: Sample) -> Locator:
    return tab.page.locator("tr[data-row]", has=tab.page.locator(f"[data-copy='{sample.sha256}']"))


async def test_a_marked_row_of_a_batch_stays_marked_and_focused(mia: Tab, bank: Bank, worker: str) -> None:
    batch = str(uuid4())
    plan = bank.plan(worker)
    newest, middle, oldest = (Sample() for _ in range(3))
    for sample in (oldest, middle, newest):
        bank.submit(sample, "mia", metaData={**plan, "batch": batch})
    judge(bank, worker, oldest, 2)
    await follow(mia, f"/batch/{batch}")
    for key in "jj":
        await mia.page.keyboard.press(key)

    judge(bank, worker, newest, 1)

    await expect(row_of(mia, newest)).to_contain_text("99 malicious")
    assert await row_of(mia, middle).evaluate(FOCUSED)
    await mia.page.keyboard.press("j")
    assert await row_of(mia, oldest).evaluate(FOCUSED)


async def test_a_page_says_that_the_session_has_ended_and_stays(mia: Tab, bank: Bank) -> None:
    sample = bank.submitted("mia")
    await follow(mia, "/jobs")
    await mia.page.context.clear_cookies()

    bank.submitted("mia")

    told = "Your session has ended: load the page again, and sign in."
    await expect(mia.page.get_by_role("alert")).to_have_text(told)
    await expect(row_of(mia, sample)).to_be_visible()
    for key in ("j", " "):
        await mia.page.keyboard.press(key)
    await expect(mia.page.get_by_role("dialog")).to_contain_text(told)


async def test_a_page_that_is_not_for_the_visitor_any_more_says_so(mia: Tab, bank: Bank, worker: str) -> None:
    """Somebody has deleted the sample meanwhile, or has taken a right away: the page must not tell of a job under way for ever."""
    sample, job, _ = bank.planned(worker)
    await follow(mia, f"/job/{job}")

    assert bank.delete(sample.path).ok
    await mia.page.evaluate("document.dispatchEvent(new Event('refresh'))")

    told = "What this page shows is not here for you any more: load the page again to see why."
    await expect(mia.page.get_by_role("alert")).to_have_text(told)
    assert all("404" in problem for problem in mia.problems)  # browsers note every refusal on the console
    mia.problems.clear()


async def test_a_marked_row_that_moves_keeps_the_focus(mia: Tab, bank: Bank, worker: str) -> None:
    batch = str(uuid4())
    plan = bank.plan(worker)
    moved, other = Sample(), Sample()
    for sample in (other, moved):
        bank.submit(sample, "mia", metaData={**plan, "batch": batch})
    await follow(mia, f"/batch/{batch}")
    await row_of(mia, moved).evaluate("row => row.parentNode.append(row)")  # as in another order of the list
    for key in "jj":
        await mia.page.keyboard.press(key)
    assert await row_of(mia, moved).evaluate(FOCUSED)

    judge(bank, worker, moved, 2)

    await expect(mia.page.locator("tr[data-row]").first).to_contain_text("99 malicious")
    assert await row_of(mia, moved).evaluate(FOCUSED)
    await mia.page.keyboard.press("j")
    assert await row_of(mia, other).evaluate(FOCUSED)


async def test_a_long_message_of_a_job_under_way_stays_open(mia: Tab, bank: Bank, worker: str) -> None:
    other = bank.worker()["shortName"]
    _, job, tasks = bank.planned(worker, other)
    assert bank.update(job, tasks[worker], "failed", message="no disk " * 100).ok
    await follow(mia, f"/job/{job}")
    details = mia.page.locator(f"#task-{tasks[worker]} details")
    await details.locator("summary").click()

    bank.claim(other)

    await expect(mia.page.locator(f"#task-{tasks[other]} .state.executing")).to_be_visible()
    assert await details.get_attribute("open") is not None
    assert await details.evaluate(FOCUSED)


async def test_new_rows_are_one_click_away_also_behind_to_the_content(mia: Tab, bank: Bank) -> None:
    bank.submitted("mia")
    await follow(mia, "/jobs")
    await mia.page.get_by_role("link", name="To the content").press("Enter")
    sample = bank.submitted("mia")
    await mia.page.get_by_role("status").filter(has_text="new").click()

    await expect(row_of(mia, sample)).to_be_visible()


async def test_a_page_follows_again_after_a_proxy_has_refused_the_stream(
    mia: Tab, bank: Bank, worker: str
) -> None:
    """A proxy refuses while the service starts. Nothing is under way on the page, so the page does not look by itself."""
    asked: list[str] = []

    async def refuse_once(route: Route) -> None:
        asked.append(route.request.url)
        await (route.continue_() if asked[1:] else route.fulfill(status=502, body="<html>nginx</html>"))

    _, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "success")
    await mia.page.route("**/live?*", refuse_once)
    await mia.page.clock.install()
    await mia.open(f"/jobs?q=worker:{worker}")
    await wait_for(mia, asked, 1)
    bank.planned(worker)

    await wait_for(mia, asked, 2)

    await expect(mia.page.get_by_role("status").filter(has_text="1 new")).to_be_visible()
    assert "502" in mia.problems.pop()  # browsers note every refusal on the console
