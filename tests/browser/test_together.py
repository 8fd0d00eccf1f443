"""Two people at the same sample, and one who goes back: nothing is overwritten, lost or done twice."""

import re

import pytest
from playwright.async_api import expect

from browser.conftest import Tabs
from browser.dropping import drop, files
from kit.bank import ROBOT, Bank, Sample
from kit.browser import Tab
from kit.service import Service
from samplebank.http.shapes import SENTENCE


@pytest.fixture
async def chief(tabs: Tabs, service: Service) -> Tab:
    return await (await tabs()).sign_in(service.keys["chief"])


@pytest.fixture
async def boss(tabs: Tabs, service: Service) -> Tab:
    return await (await tabs()).sign_in(service.keys["boss"])


@pytest.fixture
def sample(bank: Bank) -> Sample:
    return bank.submitted("mia")


async def judge(tab: Tab, word: str, reason: str) -> None:
    await tab.page.get_by_label("Reason").fill(reason)
    async with tab.page.expect_navigation():
        await tab.page.get_by_role("button", name=f"Set {word}").click()


async def test_the_second_of_two_who_judge_sees_the_first_verdict_before_judging(
    chief: Tab, boss: Tab, bank: Bank, sample: Sample
) -> None:
    for tab in (chief, boss):
        await tab.open(f"/sample/{sample.sha256}")
    await boss.page.keyboard.press("p")  # else the page of the boss may show the verdict in time
    await judge(chief, "benign", "signed by the vendor")

    await judge(boss, "malicious", "drops a loader")
    await expect(boss.page.get_by_role("heading")).to_contain_text("Not as things stand")
    assert len(bank.verdicts_of(sample)) == 1
    assert "409" in boss.problems.pop()  # browsers note every refusal on the console
    await boss.page.get_by_role("link", name="Back to the sample").click()
    await expect(boss.page.locator("header.verdict-line")).to_contain_text("signed by the vendor")
    await expect(boss.page.get_by_label("Reason")).to_have_value("drops a loader")
    await judge(boss, "malicious", "drops a loader")

    await expect(boss.page.locator("h1")).to_contain_text("malicious")
    told = [verdict["comment"] for verdict in bank.verdicts_of(sample)]
    assert told == ["drops a loader", "signed by the vendor"]


async def test_who_types_while_the_first_verdict_comes_judges_after_that_verdict(
    chief: Tab, bank: Bank
) -> None:
    worker = bank.worker()["shortName"]
    sample, job, tasks = bank.planned(worker)
    await chief.open(f"/sample/{sample.sha256}")
    await chief.page.get_by_label("Reason").fill("drops a loader")

    bank.claim(worker)
    bank.update(job, tasks[worker], "success", user=ROBOT, analyses=[bank.analyse(sample, worker, 0)])
    await expect(chief.page.locator("header.verdict-line")).to_contain_text("Judged")
    await judge(chief, "malicious", await chief.page.get_by_label("Reason").input_value())

    told = [verdict.get("comment") for verdict in bank.verdicts_of(sample)]
    assert told == ["drops a loader", None]


async def begin_note_without_session(tab: Tab, sample: Sample, text: str) -> None:
    await tab.open(f"/sample/{sample.sha256}")
    await tab.page.context.clear_cookies()
    await tab.page.get_by_label("Note", exact=True).fill(text)


async def test_a_note_that_was_sent_after_the_session_had_ended_is_there_again(
    chief: Tab, service: Service, sample: Sample
) -> None:
    await begin_note_without_session(chief, sample, "asks a host at night")
    async with chief.page.expect_navigation():
        await chief.page.get_by_role("button", name="Add the note").click()
    assert "401" in chief.problems.pop()  # browsers note every refusal on the console

    await chief.sign_in(service.keys["chief"])
    await chief.open(f"/sample/{sample.sha256}")
    await expect(chief.page.get_by_label("Note", exact=True)).to_have_value("asks a host at night")
    async with chief.page.expect_navigation():
        await chief.page.get_by_role("button", name="Add the note").click()

    await expect(chief.page.locator("article.note")).to_contain_text("asks a host at night")
    await expect(chief.page.get_by_label("Note", exact=True)).to_have_value("")


async def test_a_second_reason_that_was_sent_after_the_session_had_ended_is_there_again(
    chief: Tab, service: Service, sample: Sample
) -> None:
    await chief.open(f"/sample/{sample.sha256}")
    await judge(chief, "benign", "signed by the vendor")
    await chief.page.context.clear_cookies()
    await judge(chief, "malicious", "drops a loader")
    await expect(chief.page.get_by_role("heading")).to_contain_text("Not signed in")

    await chief.sign_in(service.keys["chief"])
    await chief.open(f"/sample/{sample.sha256}")

    await expect(chief.page.get_by_label("Reason")).to_have_value("drops a loader")
    await chief.page.keyboard.press("u")
    await expect(chief.page.locator("header.verdict-line")).to_contain_text("Undone by who set it.")
    chief.problems.clear()  # browsers note every refusal on the console


async def test_a_note_that_comes_back_has_the_readers_that_were_chosen(
    chief: Tab, service: Service, sample: Sample
) -> None:
    """A note for few readers must not come back as a note for more."""
    await begin_note_without_session(chief, sample, "the host of a source")
    await chief.page.get_by_label("Who reads").select_option("red")
    async with chief.page.expect_navigation():
        await chief.page.get_by_role("button", name="Add the note").click()
    assert "401" in chief.problems.pop()  # browsers note every refusal on the console

    await chief.page.get_by_role("link", name="Sign in").click()
    await chief.page.get_by_label("API key").fill(service.keys["chief"])
    await chief.page.get_by_role("button", name="Sign in").click()
    await chief.page.wait_for_url(f"**/sample/{sample.sha256}")

    await expect(chief.page.get_by_label("Note", exact=True)).to_have_value("the host of a source")
    await expect(chief.page.get_by_label("Who reads")).to_have_value("red")


async def test_a_form_is_not_sent_as_somebody_who_signs_in_in_another_tab(
    chief: Tab, service: Service, sample: Sample
) -> None:
    note = chief.page.get_by_label("Note", exact=True)
    await chief.open(f"/sample/{sample.sha256}")
    await note.fill("asks a host at night")
    await Tab(await chief.page.context.new_page(), chief.url).sign_in(service.keys["boss"])

    await chief.page.get_by_role("button", name="Add the note").click()

    await expect(chief.page.get_by_role("alert")).to_contain_text("You have signed in as boss in another tab")
    await chief.open(f"/sample/{sample.sha256}")
    await expect(note).to_have_value("asks a host at night")
    await expect(chief.page.locator("article.note")).to_have_count(0)


async def test_rules_that_did_not_reach_the_service_are_there_again(chief: Tab) -> None:
    rules = "rule loader { condition: false }"
    await chief.open("/hunts")
    await chief.page.get_by_label("YARA rules").fill(rules)
    await chief.page.get_by_label("Samples that a query finds").fill("type:elf")
    await chief.page.get_by_label("Stored").select_option("30 days")
    await chief.page.get_by_label("Customer").fill("quarry")
    await chief.page.route("**/hunts", lambda route: route.abort("connectionrefused"))
    await chief.page.get_by_role("button", name="Hunt", exact=True).click()
    await chief.page.wait_for_url("chrome-error://**")
    await chief.page.unroute("**/hunts")

    await chief.open("/hunts")

    await expect(chief.page.get_by_label("YARA rules")).to_have_value(rules)
    await expect(chief.page.get_by_label("Samples that a query finds")).to_have_value("type:elf")
    await expect(chief.page.get_by_label("Stored")).to_have_value("30 days")
    await expect(chief.page.get_by_label("Customer")).to_have_value("quarry")
    chief.problems.clear()  # browsers note every broken connection on the console


async def test_going_back_after_a_verdict_judges_once(chief: Tab, bank: Bank, sample: Sample) -> None:
    await chief.open("/samples")
    await chief.open(f"/sample/{sample.sha256}")
    await judge(chief, "malicious", "drops a loader")

    await chief.page.reload()
    await chief.page.go_back()
    await chief.page.go_forward()

    await expect(chief.page.locator("h1")).to_contain_text("malicious")
    assert len(bank.verdicts_of(sample)) == 1


async def test_back_leads_through_the_views_of_a_sample(chief: Tab, sample: Sample) -> None:
    for view in ("", "/bytes", "/bytes?at=0x10", "/strings"):
        await chief.open(f"/sample/{sample.sha256}{view}")

    paths = []
    for _ in range(3):
        await chief.page.go_back()
        paths.append(chief.path)

    here = f"/sample/{sample.sha256}"
    assert paths == [f"{here}/bytes?at=0x10", f"{here}/bytes", here]


async def test_back_from_dropped_files_returns_to_the_page(chief: Tab, sample: Sample) -> None:
    await chief.open(f"/sample/{sample.sha256}")
    await drop(chief, files(1))
    await expect(chief.page.get_by_role("button", name="Send 1 file")).to_be_visible()

    await chief.page.go_back()

    await expect(chief.page.get_by_role("link", name="History")).to_be_visible()
    assert chief.path == f"/sample/{sample.sha256}"


async def test_a_form_that_is_left_by_back_listens_no_more(chief: Tab, sample: Sample) -> None:
    here = f"/sample/{sample.sha256}"
    await chief.open(here)
    await drop(chief, files(1))
    await expect(chief.page.get_by_role("button", name="Send 1 file")).to_be_visible()
    asked: list[str] = []
    chief.page.on("request", lambda request: asked.append(request.url))

    await chief.page.evaluate(
        "addEventListener('popstate', () => document.dispatchEvent(new Event('visibilitychange')));"
        "setTimeout(() => history.back())"
    )

    await expect(chief.page.get_by_role("link", name="History")).to_be_visible()
    assert [url for url in asked if "/sample/live" in url] == []


async def test_what_was_typed_for_a_key_is_there_again_until_the_key_is_made(chief: Tab) -> None:
    await chief.open("/accounts/nobody")
    form = chief.page.locator("form", has=chief.page.get_by_role("button", name="Make a key"))
    await form.get_by_label("Label").fill("weekly report")
    await form.get_by_label("Expires").fill("some day")
    async with chief.page.expect_navigation():
        await form.get_by_role("button").click()
    assert "400" in chief.problems.pop()  # browsers note every refusal on the console

    await chief.page.go_back()
    await expect(form.get_by_label("Label")).to_have_value("weekly report")
    await form.get_by_label("Expires").fill("now + 1 hour")
    async with chief.page.expect_navigation():
        await form.get_by_role("button").click()
    await chief.page.get_by_role("link", name="Back to nobody").click()

    await expect(form.get_by_label("Label")).to_have_value("")


async def test_a_reason_is_taken_as_the_form_says(chief: Tab, sample: Sample) -> None:
    """What the interface refuses in a reason is told before the reason is sent."""
    await chief.open(f"/sample/{sample.sha256}")
    reason = chief.page.get_by_label("Reason")

    told = {}
    for character in [*map(chr, range(0x20, 0x7F)), "ø"]:
        await reason.fill(f"a{character}")
        told[character] = await reason.evaluate("field => field.checkValidity()")

    assert told == {character: re.match(SENTENCE, character) is not None for character in told}
