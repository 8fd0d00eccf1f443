"""Every page is free of what axe-core calls a serious or critical fault, in both looks, with hostile text on the page."""

from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Tabs
from kit.browser import Tab
from kit.service import Service

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
RUN = "axe.run({resultTypes: ['violations']}).then((found) => found.violations)"
GRAVE = {"serious", "critical"}


async def faults(tab: Tab) -> list[str]:
    """The grave faults of the page that is open, each with its first element."""
    await tab.page.evaluate(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = await tab.page.evaluate(RUN)
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_can_be_read_by_everybody(
    service: Service, tabs: Tabs, every_page: list[str], scheme: str
) -> None:
    tab = await (await tabs(color_scheme=scheme)).sign_in(service.keys["chief"])
    found = {}

    for path in every_page:
        await tab.open(path)
        found[path] = await faults(tab)

    assert {path: told for path, told in found.items() if told} == {}


@pytest.mark.parametrize("key", ["?", "Control+k"])
async def test_dialogs_can_be_read_by_everybody(mia: Tab, key: str) -> None:
    await mia.page.keyboard.press(key)
    await mia.page.get_by_role("dialog").wait_for()

    assert await faults(mia) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_sign_in_page_can_be_read_by_everybody(tabs: Tabs, scheme: str) -> None:
    tab = await tabs(color_scheme=scheme)

    await tab.open("/login?tried=1")

    assert await faults(tab) == []
