"""A real browser without a window: `async with browsing() as browser`, and tabs that note everything that goes wrong."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, async_playwright

ROOT = Path(__file__).parents[2]
#: a host name of this machine, not trusted by browsers as 127.0.0.1 is
HOST = "bank.example"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WIDE = {"width": 1280, "height": 800}
#: the browsers' remark on headers for TLS and 127.0.0.1 only
UNTRUSTED = "because the URL's origin was untrustworthy"
#: the policy of pages tells the violation to the page, and the page tells the console
TELL = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`));"""


def program(name: str) -> str:
    """The path of a program that `scripts/program` finds or installs."""
    done = subprocess.run(
        [ROOT / "scripts" / "program", name], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"scripts/program {name} failed: its message is above")
    return done.stdout.strip()


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser with a fresh profile, for as long as the block lasts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("browser"), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """A tab of a browser that has visited nothing before. `problems` is what no page of the service may cause."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        self.requests: list[Request] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._see)

    async def open(self, path: str) -> Any:
        """Go to a page; the answer."""
        return await self.page.goto(self.url + path)

    async def sign_in(self, key: str) -> "Tab":
        await self.open("/login")
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(f"{self.url}/")
        return self

    @property
    def query(self) -> Locator:
        """The box for queries, which every page has."""
        return self.page.locator("form.query input")

    @property
    def path(self) -> str:
        """Where the tab is, as a path with its query."""
        return self.page.url.removeprefix(self.url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and UNTRUSTED not in message.text:
            self.problems.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.problems.append(f"request to another host: {request.url}")


@asynccontextmanager
async def tab(browser: Browser, url: str, **how: Any) -> AsyncIterator[Tab]:
    """A tab with cookies and storage of its own; `how` is passed on to the browser."""
    context = await browser.new_context(**{"viewport": WIDE, "color_scheme": "light", **how})
    try:
        await context.add_init_script(TELL)
        yield Tab(await context.new_page(), url)
    finally:
        await context.close()
