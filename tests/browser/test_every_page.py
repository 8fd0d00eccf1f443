"""Every page with hostile text wherever text goes: who can read the page, in which window, and what the page costs to load.

A browser opens each page once, and each test asks for another observation.
"""

import asyncio
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page

from browser.axe import faults
from browser.conftest import Tabs
from kit.bank import Bank
from kit.browser import WIDE, Tab, tab
from kit.service import Service
from kit.visitor import Visitor
from web.hostile import HOSTILE, HOSTILE_LINE
from web.walking import READ, is_page, path_of

MOST_REQUESTS, MOST_BYTES = 4, 45 * 1024
SIDEWAYS: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: a window of 1280 pixels zoomed to 200 % has 640 pixels of its own
WINDOWS: Final = {"zoom 200 %": (640, 400), "400 px wide": (400, 800)}
#: the rules that colours can break; the rest of a page is the same in the dark
OF_COLOURS: Final = ("color-contrast", "link-in-text-block")
LONG: Final = "quarterly_report_" * 12 + ".exe"
#: as long and as hostile as a name can be, without a place to break the line
LONGEST: Final = (HOSTILE.replace(" ", "") * 40)[:4096]


#: sends a form as the form of a page would
SEND: Final = """([path, fields]) => {
    const form = document.createElement("form");
    [form.method, form.action] = ["post", path];
    for (const [name, value] of Object.entries(fields)) {
        const entry = document.createElement("textarea");
        [entry.name, entry.value] = [name, value];
        form.append(entry);
    }
    document.body.append(form);
    form.submit();
}"""
#: what a browser says of a page with the status of a refusal
REFUSED: Final = "console: Failed to load resource: the server responded with a status of "


class Asked(NamedTuple):
    """What somebody asks for: a page by its path, or with `fields` the answer to a form. `is_refused`: the answer is a refusal."""

    path: str
    fields: dict[str, str] | None = None
    is_refused: bool = False

    @property
    def name(self) -> str:
        return self.path if self.fields is None else f"{self.path} answers {', '.join(self.fields)}"


class Load(NamedTuple):
    requests: int
    received: int


class Seen(NamedTuple):
    """A page: the cost of loading, the grave faults by the look, and by how many pixels a window is too narrow."""

    load: Load
    faults: dict[str, list[str]]
    too_wide: dict[str, int]


class Walk(NamedTuple):
    pages: dict[str, Seen]
    problems: list[str]


class Meter:
    """Counts the requests from a tab to the network, and the bytes of the answers: packed, with headers.

    A page fetched again, because something has changed, counts with the bytes alone.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._again: set[str] = set()

    async def watch(self, tab: Tab) -> None:
        wire = await tab.page.context.new_cdp_session(tab.page)
        await wire.send("Network.enable")
        wire.on("Network.requestWillBeSent", self._begin)
        wire.on("Network.loadingFinished", self._end)

    def _begin(self, event: dict[str, Any]) -> None:
        if event["type"] == "Fetch" and event["request"]["url"] == event["documentURL"]:
            self._again.add(event["requestId"])

    def _end(self, event: dict[str, Any]) -> None:
        if event["encodedDataLength"]:  # nothing comes for what the browser has kept
            self._sizes[event["requestId"]] = event["encodedDataLength"]

    def read(self) -> Load:
        """The bytes since the last time."""
        load = Load(len(self._sizes.keys() - self._again), sum(self._sizes.values()))
        self._sizes.clear()
        return load


async def enter(tab: Tab, service: Service) -> None:
    """Sign the tab in as the chief, without loading anything."""
    answer = await tab.page.context.request.post(
        f"{service.url}/login", form={"key": service.keys["chief"]}, headers={"Origin": service.url}
    )
    assert answer.ok


@pytest.fixture(scope="module")
def pages(service: Service, bank: Bank, hostile: dict[str, str]) -> list[Asked]:
    """All pages for the chief, answers to forms, refusals, and samples with names that are hard to show."""
    chief = Visitor(service.url).sign_in(service.keys["chief"])
    found = [path_of(path, hostile) for path, _ in READ]
    named = [f"/sample/{bank.submitted(fileName=name).sha256}" for name in (LONG, LONGEST)]
    whole = [
        "/login",
        *(path for path in found if is_page(chief.get(path))),
        *named,
        *(f"{one}/sightings" for one in named),
    ]
    return [*map(Asked, whole), *answers(hostile), *refusals(hostile)]


def answers(hostile: dict[str, str]) -> list[Asked]:
    """What forms and queries lead to, with hostile text wherever a visitor may type."""
    sha256, name = hostile["sha256"], quote(HOSTILE_LINE)
    word = f'"{LONG} <svg onload=alert(1)>"'
    text = f"{sha256} {hostile['job_id']} {'0' * 64} '{HOSTILE_LINE}.exe' invoice.exe"
    return [
        Asked("/find", {"text": text}),
        Asked("/samples/reanalyse", {"sha256": sha256, "key": uuid4().hex}),
        Asked(f"/samples?q={quote(word)}"),
        Asked(f"/sample/{sha256}/bytes?find={name}"),
        Asked(f"/sample/{sha256}/strings?like={name}"),
        Asked(f"/compare?sha256={name}"),
    ]


def refusals(hostile: dict[str, str]) -> list[Asked]:
    name = quote(HOSTILE_LINE)
    return [
        Asked(f"/samples?q=score:{name}", is_refused=True),
        Asked(f"/jobs?q=state:{name}", is_refused=True),
        Asked(f"/sample/{name}", is_refused=True),
        Asked(f"/sample/{hostile['sha256']}/bytes?at={name}", is_refused=True),
        Asked("/accounts", {"kind": "user", "shortName": HOSTILE, "name": LONG}, is_refused=True),
        Asked(
            f"/accounts/{hostile['short_name']}/keys",
            {"label": HOSTILE_LINE, "expires": LONG},
            is_refused=True,
        ),
        Asked(
            "/hunts",
            {"rules": HOSTILE, "query": HOSTILE, "customer": "mill", "key": uuid4().hex},
            is_refused=True,
        ),
        Asked(
            f"/sample/{hostile['sha256']}/verdict", {"status": HOSTILE, "comment": HOSTILE}, is_refused=True
        ),
    ]


@pytest.fixture(scope="module")
async def walk(service: Service, browser: Browser, pages: list[Asked]) -> Walk:
    """Everything that a browser sees on each page for the first time. Two tabs share the pages, as a page waits for quiet."""
    ways = await asyncio.gather(*(walked(service, browser, pages[first::2]) for first in range(2)))
    return Walk(
        {path: seen for way in ways for path, seen in way.pages.items()},
        [problem for way in ways for problem in way.problems],
    )


async def walked(service: Service, browser: Browser, pages: list[Asked]) -> Walk:
    meter = Meter()
    async with tab(browser, service.url) as visited:
        await enter(visited, service)
        await meter.watch(visited)
        seen = {}
        for asked in pages:
            before = len(visited.problems)
            seen[asked.name] = await see(visited, meter, asked)
            # a page that follows changes may have been refused more than once
            assert any(map(is_refusal, visited.problems[before:])) == asked.is_refused, asked.name
        return Walk(seen, [problem for problem in visited.problems if not is_refusal(problem)])


def is_refusal(problem: str) -> bool:
    return problem.startswith(REFUSED)


async def see(tab: Tab, meter: Meter, asked: Asked) -> Seen:
    page = tab.page
    await empty_cache(page)
    meter.read()
    if asked.fields is None:
        await page.goto(tab.url + asked.path, wait_until="networkidle")
    else:
        async with page.expect_navigation(wait_until="networkidle"):
            await page.evaluate(SEND, [asked.path, asked.fields])
    load = meter.read()
    light = await faults(page)
    await page.emulate_media(color_scheme="dark")
    dark = await faults(page, OF_COLOURS)
    await page.emulate_media(color_scheme="light")
    too_wide = {name: await too_wide_for(page, *size) for name, size in WINDOWS.items()}
    await page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
    return Seen(load, {"light": light, "dark": dark}, too_wide)


async def empty_cache(page: Page) -> None:
    wire = await page.context.new_cdp_session(page)
    await wire.send("Network.clearBrowserCache")
    await wire.detach()


async def too_wide_for(page: Page, width: int, height: int) -> int:
    await page.set_viewport_size({"width": width, "height": height})
    pixels: int = await page.evaluate(SIDEWAYS)
    return pixels


@pytest.mark.parametrize("look", ["light", "dark"])
async def test_every_page_can_be_read_by_everybody(walk: Walk, look: str) -> None:
    """Every page is free of what axe-core calls a serious or critical fault."""
    assert {path: seen.faults[look] for path, seen in walk.pages.items() if seen.faults[look]} == {}


@pytest.mark.parametrize("window", WINDOWS)
async def test_no_page_scrolls_sideways(walk: Walk, window: str) -> None:
    assert {path: seen.too_wide[window] for path, seen in walk.pages.items() if seen.too_wide[window]} == {}


async def test_a_first_visit_is_light(walk: Walk) -> None:
    assert {
        path: seen.load
        for path, seen in walk.pages.items()
        if not (1 < seen.load.requests <= MOST_REQUESTS and 1 < seen.load.received <= MOST_BYTES)
    } == {}


async def test_no_page_breaks_the_policy_or_asks_another_host(walk: Walk) -> None:
    assert walk.problems == []


async def test_a_second_visit_asks_for_the_page_alone(tabs: Tabs, service: Service) -> None:
    tab, meter = await tabs(), Meter()
    await enter(tab, service)
    await meter.watch(tab)
    await tab.page.goto(f"{tab.url}/samples", wait_until="networkidle")
    meter.read()

    await tab.page.goto(f"{tab.url}/jobs", wait_until="networkidle")

    assert meter.read().requests == 1
