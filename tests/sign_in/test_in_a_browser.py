"""A real browser keeps the cookie of a sign-in on the way through the provider, also without scripts."""

import pytest

from kit.browser import browsing, tab
from kit.oidc import ProviderServer, somebody
from kit.service import Service


@pytest.mark.browser
async def test_a_browser_without_scripts_signs_in_by_the_button(
    mine: Service, company: ProviderServer
) -> None:
    account = somebody(company, "staff")
    headers = {"Account": account}

    async with (
        browsing() as browser,
        tab(browser, mine.url, java_script_enabled=False, extra_http_headers=headers) as one,
    ):
        await one.open("/login?next=/jobs")
        await one.page.get_by_role("link", name="Sign in with the Company").click()
        await one.page.wait_for_url(f"{mine.url}/jobs")
        header = await one.page.locator("header").text_content()

    abroad = [problem for problem in one.problems if company.issuer not in problem]
    assert account in str(header)
    assert abroad == []
