"""What a browser that was never here loads for a page, and what a browser that was here before."""

from typing import Any, NamedTuple

import pytest

from browser.conftest import Tabs
from kit.browser import Tab
from kit.service import Service

MOST_REQUESTS, MOST_BYTES = 4, 45 * 1024


class Load(NamedTuple):
    requests: int
    received: int


class Meter:
    """Counts the requests of a tab that reach the network, and the bytes that come back: packed, with headers.

    A page that is fetched again, because something has changed, counts with its bytes alone.
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
        load = Load(len(self._sizes.keys() - self._again), sum(self._sizes.values()))
        self._sizes.clear()
        return load


@pytest.fixture
async def weighed(tabs: Tabs, service: Service) -> tuple[Tab, Meter]:
    """A tab that is signed in, and has loaded nothing."""
    tab, meter = await tabs(), Meter()
    answer = await tab.page.context.request.post(
        f"{service.url}/login", form={"key": service.keys["chief"]}, headers={"Origin": service.url}
    )
    assert answer.ok
    await meter.watch(tab)
    return tab, meter


async def test_a_first_visit_is_light(weighed: tuple[Tab, Meter], every_page: list[str]) -> None:
    tab, meter = weighed
    loads = {}

    for path in every_page:
        await empty_cache(tab)
        await tab.page.goto(tab.url + path, wait_until="networkidle")
        loads[path] = meter.read()

    assert {
        path: load
        for path, load in loads.items()
        if not (1 < load.requests <= MOST_REQUESTS and 1 < load.received <= MOST_BYTES)
    } == {}


async def empty_cache(tab: Tab) -> None:
    wire = await tab.page.context.new_cdp_session(tab.page)
    await wire.send("Network.clearBrowserCache")
    await wire.detach()


async def test_a_second_visit_asks_for_the_page_alone(weighed: tuple[Tab, Meter]) -> None:
    tab, meter = weighed
    await tab.page.goto(f"{tab.url}/samples", wait_until="networkidle")
    meter.read()

    await tab.page.goto(f"{tab.url}/jobs", wait_until="networkidle")

    assert meter.read().requests == 1
