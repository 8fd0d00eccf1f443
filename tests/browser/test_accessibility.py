"""What pages show on demand is free of what axe-core calls a serious or critical fault. `test_every_page.py` has the pages."""

import pytest

from browser.axe import faults
from browser.conftest import Tabs
from kit.browser import Tab


@pytest.mark.parametrize("key", ["?", "Control+k"])
async def test_dialogs_can_be_read_by_everybody(mia: Tab, key: str) -> None:
    await mia.page.keyboard.press(key)
    await mia.page.get_by_role("dialog").wait_for()

    assert await faults(mia.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_sign_in_page_can_be_read_by_everybody(tabs: Tabs, scheme: str) -> None:
    tab = await tabs(color_scheme=scheme)

    await tab.open("/login?tried=1")

    assert await faults(tab.page) == []
