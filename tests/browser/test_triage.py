"""An analyst works off a list without touching the mouse."""

from browser.conftest import Tabs
from kit.bank import Bank, name_of
from kit.service import Service

TEN = 10


async def test_ten_samples_are_judged_by_keys_alone(service: Service, bank: Bank, tabs: Tabs) -> None:
    word = name_of("lure")
    for place in range(TEN):
        bank.submit(user="mia", fileName=f"{word} {place}")
    tab = await (await tabs()).sign_in(service.keys["chief"])
    keyboard = tab.page.keyboard

    async def find() -> list[str]:
        await keyboard.press("/")
        await keyboard.press("Control+a")
        await keyboard.type(word)
        await keyboard.press("Enter")
        await tab.page.wait_for_url("**/samples?q=*")
        return await tab.page.locator("tr[data-row] .verdict").all_inner_texts()

    for place in range(TEN):
        await find()
        for _ in range(place + 1):
            await keyboard.press("j")
        await keyboard.press("Enter")
        await tab.page.wait_for_url("**/sample/*")
        await keyboard.press("v")
        await keyboard.press("m")
        await keyboard.type("same lure as before")
        async with tab.page.expect_navigation():
            await keyboard.press("Enter")

    verdicts = await find()
    assert len(verdicts) == TEN
    assert all("malicious" in verdict for verdict in verdicts)
