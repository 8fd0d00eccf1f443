"""One browser for the run; tabs of one test each, which fail the test for everything that a page may not cause."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from kit.bank import Bank, name_of
from kit.browser import Tab, browsing, tab
from kit.service import Service
from web import hostile as texts

# Five seconds are short where other tests keep the processors busy.
expect.set_options(timeout=30_000)

Tabs = Callable[..., Awaitable[Tab]]
#: a sample and a job with hostile text wherever text goes
hostile = texts.hostile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


@pytest.fixture
async def tabs(browser: Browser, service: Service) -> AsyncIterator[Tabs]:
    """Open a tab: `await tabs()`, `await tabs(java_script_enabled=False)`. No tab may have problems at the end."""
    opened: list[Tab] = []
    async with AsyncExitStack() as stack:

        async def open_tab(url: str = service.url, **how: Any) -> Tab:
            opened.append(await stack.enter_async_context(tab(browser, url, **how)))
            return opened[-1]

        yield open_tab
    assert [problem for one in opened for problem in one.problems] == [], service.newest_error()


@pytest.fixture
async def mia(tabs: Tabs, service: Service) -> Tab:
    """A tab in which mia is signed in."""
    return await (await tabs()).sign_in(service.keys["mia"])


@pytest.fixture(scope="module")
def named(bank: Bank) -> list[str]:
    """The digests of three samples of mia, newest first, that a word finds; the word comes last."""
    word = name_of("lure")
    digests = [bank.submitted(fileName=f"{word} {place}").sha256 for place in range(3)]
    return [*digests[::-1], word]
