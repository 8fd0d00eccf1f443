"""The manners of pages: times, looks, going back, copying, printing, completing."""

from time import time as now
from typing import Final

import pytest
from playwright.async_api import ViewportSize, expect

from browser.conftest import Tabs
from kit.bank import Bank
from kit.browser import HOST, Tab
from kit.service import Service

GROUND = "getComputedStyle(document.body).backgroundColor"
#: the width of A4 for a browser
PAPER: Final[ViewportSize] = {"width": 718, "height": 1000}
#: boxes of which a part cannot be seen without scrolling
CUT = """[...document.querySelectorAll("main *")].filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth
    && getComputedStyle(one).overflowX !== "visible").map((one) => one.className)"""
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(20, 23, 28)"


async def test_t_shows_exact_times_and_back(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/sample/{named[0]}")
    time = mia.page.locator("time[title]").first
    spoken, exact = await time.inner_text(), await time.get_attribute("title")

    await mia.page.keyboard.press("t")
    assert await time.inner_text() == exact
    await mia.page.keyboard.press("t")
    assert await time.inner_text() == spoken


@pytest.mark.parametrize(
    ("later", "spoken"),
    [(3 * 60, "3 min ago"), (2 * 3600, "2 h ago"), (5 * 86_400, "5 d ago"), (800 * 86_400, "2 y ago")],
)
async def test_times_grow_old_while_a_page_is_open(
    service: Service, named: list[str], tabs: Tabs, later: int, spoken: str
) -> None:
    """The clock of the visitor is a day late. The time that passes counts alone."""
    mia = await tabs()
    await mia.page.clock.install(time=now() - 86_400)
    await mia.sign_in(service.keys["mia"])
    await mia.open(f"/sample/{named[0]}")
    await mia.page.keyboard.press("p")  # else the service is asked, whose clock goes on as before

    await mia.page.clock.fast_forward(1000 * later)

    assert await mia.page.locator("dt:has-text('First stored') + dd time").inner_text() == spoken


async def test_a_query_is_completed_while_somebody_types(mia: Tab) -> None:
    keyboard = mia.page.keyboard
    await keyboard.press("/")

    await keyboard.type("verd")
    await mia.page.get_by_role("option").first.wait_for()
    await keyboard.press("Tab")
    await keyboard.type("mal")
    await mia.page.get_by_role("option", name="malicious").wait_for()
    await keyboard.press("Tab")

    assert await mia.query.input_value() == "verdict:malicious "


async def test_a_query_is_typed_after_the_session_has_ended_without_an_error(mia: Tab) -> None:
    await mia.page.context.clear_cookies()
    async with mia.page.expect_response("**/complete?*") as asked:
        await mia.query.press_sequentially("typ")
    await (await asked.value).finished()

    await expect(mia.query).to_have_value("typ")


async def test_a_word_behind_an_emoji_is_completed_in_its_place(mia: Tab) -> None:
    keyboard = mia.page.keyboard
    await mia.query.fill('name:"😀😀😀" verd')
    await mia.query.press("End")

    await keyboard.press("i")
    await mia.page.get_by_role("option").first.wait_for()
    await keyboard.press("Tab")

    assert await mia.query.input_value() == 'name:"😀😀😀" verdict:'


async def test_a_screen_reader_is_told_which_choice_is_marked(mia: Tab) -> None:
    keyboard = mia.page.keyboard
    await keyboard.press("/")
    await keyboard.type("s")
    options = mia.page.get_by_role("option")
    await options.nth(1).wait_for()

    for _ in range(2):
        await keyboard.press("ArrowDown")
    told = await mia.query.get_attribute("aria-activedescendant")

    assert told == await options.nth(1).get_attribute("id") is not None
    await keyboard.press("Escape")
    assert await mia.query.get_attribute("aria-activedescendant") is None


async def test_back_returns_to_the_list_as_it_was(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/samples?q={named[-1].replace(' ', '+')}")
    names = mia.page.locator("table.list td.name")  # types may come meanwhile, and times grow old
    before = await names.all_inner_texts()
    await mia.page.locator("tr[data-row] a").first.click()
    await mia.page.wait_for_url(f"**/sample/{named[0]}")

    await mia.page.go_back()

    assert mia.path.startswith("/samples?q=")
    assert await names.all_inner_texts() == before


async def test_back_returns_to_the_row_that_was_opened(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/samples?q={named[-1]}")
    for key in ("j", "j", "Enter"):
        await mia.page.keyboard.press(key)
    await mia.page.wait_for_url(f"**/sample/{named[1]}")

    await mia.page.go_back()
    await expect(mia.page.locator(f"tr.selected [value='{named[1]}']")).to_be_visible()
    await mia.page.keyboard.press("j")

    await expect(mia.page.locator(f"tr.selected [value='{named[2]}']")).to_be_visible()


@pytest.mark.parametrize(("scheme", "ground"), [("light", LIGHT), ("dark", DARK)])
async def test_a_page_looks_as_the_system_says(tabs: Tabs, scheme: str, ground: str) -> None:
    tab = await tabs(color_scheme=scheme)

    await tab.open("/login")

    assert await tab.page.evaluate(GROUND) == ground


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize(
    ("scheme", "chosen", "ground"), [("light", "Dark", DARK), ("dark", "Light", LIGHT)], ids=["dark", "light"]
)
async def test_a_chosen_look_stays(
    tabs: Tabs, scheme: str, chosen: str, ground: str, *, scripts: bool
) -> None:
    tab = await tabs(color_scheme=scheme, java_script_enabled=scripts)
    await tab.open("/login?next=%2Fjobs")

    await tab.page.get_by_role("button", name=chosen, exact=True).click()
    await tab.page.locator(f"html[data-theme={chosen.lower()}]").wait_for(state="attached")
    assert tab.page.url.endswith("/login?next=%2Fjobs")
    await tab.open("/login")

    assert await tab.page.evaluate(GROUND) == ground


async def test_a_look_that_cannot_be_kept_is_told(mia: Tab) -> None:
    await mia.page.context.set_offline(True)

    await mia.page.get_by_role("button", name="Dark").click()

    await expect(mia.page.get_by_role("alert")).to_contain_text("Choose the look again")
    assert await mia.page.locator("html").get_attribute("data-theme") is None
    mia.problems.clear()  # browsers note every broken request on the console


async def test_the_look_can_be_left_to_the_system_again(tabs: Tabs) -> None:
    tab = await tabs()
    await tab.open("/login")
    await tab.page.get_by_role("button", name="Dark", exact=True).click()

    await tab.page.get_by_role("button", name="System", exact=True).click()
    await tab.page.locator("html:not([data-theme])").wait_for(state="attached")

    assert await tab.page.evaluate(GROUND) == LIGHT


async def test_another_look_keeps_what_a_form_has_led_to(mia: Tab, named: list[str]) -> None:
    await mia.open("/find")
    await mia.page.locator("textarea").fill(f"seen: {named[0]}")
    async with mia.page.expect_navigation():
        await mia.page.locator("main form button").first.click()
    found = await mia.page.locator("main").inner_text()

    await mia.page.get_by_role("button", name="Dark", exact=True).click()
    await mia.page.locator("html[data-theme=dark]").wait_for(state="attached")

    assert named[0][:8] in found
    assert await mia.page.locator("main").inner_text() == found
    assert await mia.page.evaluate(GROUND) == DARK


@pytest.mark.parametrize("host", ["127.0.0.1", HOST])
async def test_a_click_copies_a_whole_hash(service: Service, bank: Bank, tabs: Tabs, host: str) -> None:
    sample = bank.submitted()
    tab = await (await tabs(f"http://{host}:{service.port}")).sign_in(service.keys["mia"])
    await tab.open(f"/samples?q={sample.sha256}")

    await tab.page.locator(f"[data-copy='{sample.sha256}']").click()
    await tab.page.locator(".copied").wait_for()
    await tab.query.fill("")
    await tab.page.keyboard.press("Control+v")

    assert await tab.query.input_value() == sample.sha256


async def test_a_printed_sample_has_its_facts_and_no_controls(mia: Tab, named: list[str]) -> None:
    await mia.open(f"/sample/{named[0]}")

    await mia.page.emulate_media(media="print")

    assert await mia.page.get_by_text(named[0]).first.is_visible()
    controls = ("button", "input", "textarea", "select", "summary", ".button", ".views", ".top", "footer")
    shown = mia.page.locator(", ".join(f"{control}:visible" for control in controls))
    assert await shown.all_inner_texts() == []
    assert await mia.page.locator("form:visible").count() == 0
    assert await mia.page.get_by_role("heading", name="Decide").count() == 0


@pytest.mark.parametrize("path", ["/", "/jobs"])
async def test_a_printed_list_has_all_columns(mia: Tab, bank: Bank, path: str) -> None:
    """Paper does not scroll. A browser makes a page smaller that is wider than the paper."""
    bank.submitted("mia", fileName="a long name " * 8, metaData=bank.plan(*bank.workers(4)))
    await mia.open(path)

    await mia.page.emulate_media(media="print")
    await mia.page.set_viewport_size(PAPER)

    assert await mia.page.evaluate(CUT) == []
    assert await mia.page.locator(".older:visible").count() == 0


async def test_a_marked_row_is_seen_in_the_colours_of_the_system(
    tabs: Tabs, service: Service, named: list[str]
) -> None:
    """Systems with few colours leave out the ground of a row."""
    tab = await (await tabs(forced_colors="active")).sign_in(service.keys["mia"])
    await tab.open(f"/samples?q={named[-1]}")

    await tab.page.keyboard.press("j")

    frames = "rows => rows.map(row => getComputedStyle(row).outlineStyle)"
    assert await tab.page.locator("tr[data-row]").evaluate_all(frames) == ["solid", "none", "none"]


async def test_every_page_can_be_read_without_scripts(service: Service, tabs: Tabs, named: list[str]) -> None:
    tab = await (await tabs(java_script_enabled=False)).sign_in(service.keys["mia"])
    await tab.query.fill(named[-1])
    await tab.query.press("Enter")
    await tab.page.locator("tr[data-row] a").first.click()
    await tab.page.wait_for_url(f"**/sample/{named[0]}")

    for view in await tab.page.locator("nav.views a").all_inner_texts():
        await tab.page.get_by_role("link", name=view, exact=True).click()
        await tab.page.locator(f"nav.views a[aria-current]:text-is('{view}')").wait_for()
