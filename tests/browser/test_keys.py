"""What keys do on pages."""

import asyncio
from urllib.parse import unquote
from uuid import uuid4

import pytest
from bench.databases import connected
from playwright.async_api import Route, expect

from browser.conftest import Tabs
from hunts.hunting import HUNT, begun, rules_for
from kit.bank import CHIEF, Bank, name_of
from kit.browser import HOST, Tab
from kit.service import Service
from samplebank.web.pages.batch import MOST
from web.sending import COPIES

#: as browsers do where somebody forbids pages to keep data
FORBIDDEN = """
    for (const name of ["sessionStorage", "localStorage"]) {
        Object.defineProperty(window, name, { get() { throw new DOMException("forbidden", "SecurityError"); } });
    }
"""


async def test_a_sample_is_found_and_opened_by_keys_alone(mia: Tab, named: list[str]) -> None:
    keyboard = mia.page.keyboard

    await keyboard.press("/")
    await keyboard.type(named[-1])
    await keyboard.press("Enter")
    await mia.page.wait_for_url("**/samples?q=*")
    for key in "jjjk":
        await keyboard.press(key)
    await keyboard.press("Enter")

    await mia.page.wait_for_url(f"**/sample/{named[1]}")


async def test_the_neighbours_in_a_list_are_one_key_away(mia: Tab, named: list[str]) -> None:
    *digests, word = named
    await mia.open(f"/samples?q={word}")
    await mia.page.keyboard.press("j")
    await mia.page.keyboard.press("Enter")
    await mia.page.wait_for_url(f"**/sample/{digests[0]}")

    for key, place in (("]", 1), ("]", 2), ("[", 1)):
        await mia.page.keyboard.press(key)
        await mia.page.wait_for_url(f"**/sample/{digests[place]}")

    assert await mia.page.locator(".neighbours a").all_inner_texts() == [
        "← previous",
        "2 of 3 in the list",
        "next →",
    ]
    await mia.page.get_by_role("link", name="2 of 3 in the list").click()
    await mia.page.wait_for_url(f"**/samples?q={word}")


async def test_the_next_page_of_a_list_is_one_key_away(mia: Tab, service: Service, bank: Bank) -> None:
    batch = str(uuid4())
    sample = bank.submitted("mia", metaData={"batch": batch})
    async with connected(service.database_url) as db:
        await db.execute(COPIES, bytes.fromhex(sample.sha256), MOST)
    await mia.open(f"/batch/{batch}")
    await expect(mia.page.locator("tr[data-row]")).to_have_count(MOST)

    await mia.page.keyboard.press("]")

    await mia.page.wait_for_url("**/batch/*?after=*")
    await expect(mia.page.locator("tr[data-row]")).to_have_count(1)


async def test_x_selects_the_marked_row(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/samples?q={named[-1]}")

    for key in "jjx":
        await mia.page.keyboard.press(key)

    selected = mia.page.locator("input[name=sha256]:checked")
    assert [await one.get_attribute("value") for one in await selected.all()] == [named[1]]


async def test_keys_act_after_a_click_on_a_box(mia: Tab, named: list[str]) -> None:
    """A box is nothing that somebody types into."""
    await mia.open(f"/samples?q={named[-1]}")
    await mia.page.locator("input[name=sha256]").first.click()

    for key in "jjx":
        await mia.page.keyboard.press(key)

    selected = mia.page.locator("input[name=sha256]:checked")
    assert [await one.get_attribute("value") for one in await selected.all()] == named[:2]


async def test_over_plain_http_a_copied_hash_leaves_the_focus_in_its_row(
    service: Service, tabs: Tabs, named: list[str]
) -> None:
    tab = await (await tabs(f"http://{HOST}:{service.port}")).sign_in(service.keys["mia"])
    await tab.open(f"/samples?q={named[-1]}")

    for key in "jc":
        await tab.page.keyboard.press(key)
    await tab.page.locator(".copied").wait_for()

    assert await tab.page.locator("tr.selected a").evaluate("one => one === document.activeElement")


async def test_keys_act_on_the_marked_row(mia: Tab, named: list[str]) -> None:
    keyboard, page = mia.page.keyboard, mia.page
    await mia.open(f"/samples?q={named[-1]}")

    for key in ("j", "x", "j", "j", "Shift+X"):
        await keyboard.press(key)
    assert await page.locator("input[name=sha256]:checked").count() == 3
    bar = page.get_by_role("toolbar")
    assert {"j", "k", "Enter", "Space", "x", "Shift+x", "c"} <= set(
        await bar.locator("kbd").all_inner_texts()
    )

    await keyboard.press("Space")
    peek = page.get_by_role("dialog", name="Peek")
    await peek.get_by_text(named[2]).wait_for()
    await keyboard.press("Space")
    await peek.wait_for(state="detached")
    await keyboard.press("c")
    await page.locator(".copied").wait_for()
    await mia.query.fill("")
    await keyboard.press("Control+v")
    assert await mia.query.input_value() == named[2]


@pytest.mark.parametrize(
    ("path", "told"),
    [("/accounts", "Grants of its own"), ("/workers", "Clears in"), ("/hunts", "looked at")],
)
async def test_space_shows_what_a_row_of_any_list_leads_to(
    service: Service, bank: Bank, tabs: Tabs, path: str, told: str
) -> None:
    bank.delete(f"{HUNT}/{begun(bank, rules_for('any'), CHIEF)['id']}", CHIEF)
    bank.worker()
    chief = await (await tabs()).sign_in(service.keys["chief"])
    await chief.open(path)

    for key in ("j", "Space"):
        await chief.page.keyboard.press(key)

    peek = chief.page.get_by_role("dialog", name="Peek")
    await expect(peek).to_contain_text(told)
    await expect(peek.get_by_role("button")).to_have_count(0)


async def test_the_menu_of_a_value_searches_excludes_copies_and_counts(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/samples?q={named[-1]}")
    value = mia.page.locator("[data-term^='customer']").first
    term = unquote(await value.get_attribute("data-term") or "")
    await value.focus()

    await mia.page.keyboard.press(".")

    menu = mia.page.get_by_role("dialog", name="Menu")
    await menu.get_by_text("found").wait_for()
    assert await menu.locator("li").count() == 4
    await menu.get_by_role("link", name="Exclude").click()
    await mia.page.wait_for_url("**-customer*")
    assert await mia.query.input_value() == f"{named[-1]} -{term}"


async def test_a_verdict_is_set_undone_and_taken_back_by_keys(
    service: Service, bank: Bank, tabs: Tabs
) -> None:
    sample = bank.submitted()
    tab = await (await tabs()).sign_in(service.keys["chief"])
    keyboard, badge = tab.page.keyboard, tab.page.locator("h1 .verdict")
    await tab.open(f"/sample/{sample.sha256}")

    async def press(*keys: str) -> str:
        async with tab.page.expect_navigation():
            for key in keys:
                await keyboard.press(key)
        return await badge.inner_text()

    assert "benign" in await press("v", "b", "w", "h", "y", "Enter")
    assert "benign" not in await press("u")
    assert "malicious" in await press("v", "m", "w", "h", "y", "Enter")
    assert "malicious" not in await press("v", "x", "n", "o", "Enter")


@pytest.mark.parametrize(("key", "field"), [("n", "text"), ("=", "sha256"), ("/", "q")])
async def test_a_key_goes_to_its_field_on_a_sample(
    service: Service, tabs: Tabs, named: list[str], key: str, field: str
) -> None:
    tab = await (await tabs()).sign_in(service.keys["chief"])
    await tab.open(f"/sample/{named[0]}")

    await tab.page.keyboard.press(key)

    assert await tab.page.evaluate("document.activeElement.name") == field


async def test_space_turns_a_switch(mia: Tab, bank: Bank) -> None:
    """Screen readers call the link that leaves an analysis out a switch, and a switch is turned by a space."""
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 99)
    assert bank.update(job, tasks[worker], "success", analyses=[analysis]).ok
    await mia.open(f"/sample/{sample.sha256}")
    switch = mia.page.get_by_role("switch")
    await expect(switch).not_to_be_checked()

    await switch.focus()
    await mia.page.keyboard.press("Space")

    await mia.page.wait_for_url(f"**?without={analysis}")
    await expect(switch).to_be_checked()


async def test_keys_open_what_a_sample_offers(service: Service, tabs: Tabs, named: list[str]) -> None:
    tab = await (await tabs()).sign_in(service.keys["chief"])
    await tab.open(f"/sample/{named[0]}")

    await tab.page.keyboard.press("y")
    await tab.page.locator("details.copy-as[open]").wait_for()
    await tab.page.keyboard.press("c")
    await tab.page.locator("button.copied").wait_for()
    async with tab.page.expect_download():
        await tab.page.keyboard.press("z")
    await tab.page.keyboard.press("2")
    await tab.page.wait_for_url("**/findings")
    await tab.page.keyboard.press("1")
    await tab.page.wait_for_url(f"**/sample/{named[0]}")
    await tab.page.keyboard.press("r")
    await tab.page.wait_for_url("**/job/*")


async def test_a_sample_is_compared_with_the_one_that_was_selected(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/samples?q={named[-1].replace(' ', '+')}")
    for key in "jx":
        await mia.page.keyboard.press(key)
    other = named[1]
    await mia.open(f"/sample/{other}")

    await mia.page.keyboard.press("=")
    await mia.page.keyboard.press("Enter")

    await mia.page.wait_for_url(f"**/compare/{other}/{named[0]}")


async def test_pages_have_their_keys_where_the_browser_may_keep_nothing(
    service: Service, named: list[str], tabs: Tabs
) -> None:
    mia = await tabs()
    await mia.page.add_init_script(FORBIDDEN)
    await mia.sign_in(service.keys["mia"])
    await mia.open(f"/samples?q={named[-1].replace(' ', '+')}")
    for key in ("j", "x", "Enter"):
        await mia.page.keyboard.press(key)
    await mia.page.wait_for_url(f"**/sample/{named[0]}")
    exact = await mia.page.locator("time[title]").first.get_attribute("title")

    await mia.page.keyboard.press("t")

    assert await mia.page.locator("time[title]").first.inner_text() == exact


async def test_p_holds_a_page_that_changes_by_itself(service: Service, bank: Bank, tabs: Tabs) -> None:
    tab = await (await tabs()).sign_in(service.keys["chief"])
    await tab.open("/jobs")

    await tab.page.keyboard.press("p")
    await asyncio.to_thread(bank.planned, *bank.workers(1))
    await tab.page.evaluate("document.dispatchEvent(new Event('refresh'))")

    assert await tab.page.locator(".news").count() == 0
    await tab.page.keyboard.press("p")
    await tab.page.locator(".news").wait_for()


@pytest.mark.parametrize(
    ("keys", "path"), [("gs", "/samples"), ("gp", "/policy"), ("gm", "/me"), ("gt", "/")]
)
async def test_g_and_a_letter_go_to_a_page(service: Service, tabs: Tabs, keys: str, path: str) -> None:
    tab = await (await tabs()).sign_in(service.keys["chief"])
    await tab.open("/help")

    for key in keys:
        await tab.page.keyboard.press(key)

    await tab.page.wait_for_url(tab.url + path)


async def test_no_key_acts_while_somebody_types(mia: Tab) -> None:
    await mia.query.fill("")

    await mia.page.keyboard.type("gj?")

    assert await mia.query.input_value() == "gj?"
    assert mia.path == "/"


async def test_a_question_mark_shows_all_keys(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/sample/{named[0]}")
    marked = await mia.page.locator("[data-key]:not([hidden])").evaluate_all(
        "all => all.map((one) => one.dataset.key)"
    )

    await mia.page.keyboard.press("?")

    dialog = mia.page.get_by_role("dialog", name="Keys")
    await dialog.wait_for()
    shown = await dialog.locator("kbd").all_inner_texts()
    assert {*marked, "j, k", "Enter", "Ctrl+K"} <= set(shown)
    await mia.page.keyboard.press("Escape")
    await dialog.wait_for(state="detached")


async def test_the_palette_goes_to_a_page_by_its_name(mia: Tab) -> None:
    await mia.page.keyboard.press("Control+k")
    await mia.page.get_by_role("dialog", name="Go to").get_by_role("textbox").fill("jo")

    await mia.page.keyboard.press("Enter")

    await mia.page.wait_for_url("**/jobs")


async def hold_dialogs(tab: Tab) -> asyncio.Future[Route]:
    """Let what opens dialogs come late: only when the request goes on.

    The page is loaded anew: a page that is there already may send its next request before the browser holds requests.
    """
    held: asyncio.Future[Route] = asyncio.get_running_loop().create_future()

    def hold(route: Route) -> None:
        held.set_result(route)

    await tab.page.route("**/keys.js", hold)
    await tab.page.reload()
    return held


async def test_what_is_typed_while_the_palette_loads_comes_into_the_palette(mia: Tab) -> None:
    held = await hold_dialogs(mia)
    await mia.query.focus()

    await mia.page.keyboard.press("Control+k")
    route = await held
    for key in ("j", "x", "Backspace", "o"):
        await mia.page.keyboard.press(key)
    await route.continue_()

    field = mia.page.get_by_role("dialog", name="Go to").get_by_role("textbox")
    await expect(field).to_have_value("jo")
    await expect(mia.query).to_have_value("")
    await mia.page.keyboard.type("bs")
    await mia.page.keyboard.press("Enter")
    await mia.page.wait_for_url("**/jobs")


async def test_a_page_is_chosen_before_the_palette_is_loaded(mia: Tab) -> None:
    held = await hold_dialogs(mia)

    await mia.page.keyboard.press("Control+k")
    route = await held
    await mia.page.keyboard.type("jobs")
    await mia.page.keyboard.press("Enter")
    await route.continue_()

    await mia.page.wait_for_url("**/jobs")


async def test_a_dialog_that_cannot_be_loaded_is_told(mia: Tab) -> None:
    await mia.page.context.set_offline(True)

    await mia.page.keyboard.press("?")

    await expect(mia.page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    mia.problems.clear()  # browsers note every broken request on the console


async def test_the_palette_goes_to_a_sample_by_its_hash(mia: Tab, named: list[str]) -> None:
    await mia.page.keyboard.press("Control+k")
    await mia.page.get_by_role("dialog", name="Go to").get_by_role("textbox").fill(named[0].upper())

    await mia.page.keyboard.press("Enter")

    await mia.page.wait_for_url(f"**/sample/{named[0]}")


async def test_a_query_that_was_saved_by_keys_is_found_by_the_palette(mia: Tab) -> None:
    keys, name = mia.page.keyboard, name_of("query")
    await mia.open("/jobs?q=state:done")
    await keys.press("s")
    await keys.type(name)
    await keys.press("Enter")
    await mia.page.wait_for_url("**/me#queries")

    await keys.press("Control+k")
    dialog = mia.page.get_by_role("dialog", name="Go to")
    await dialog.get_by_role("textbox").fill(name)
    await dialog.get_by_role("link", name=f"☆ {name}").wait_for()
    await keys.press("Enter")

    await mia.page.wait_for_url("**/jobs?q=state%3Adone")
