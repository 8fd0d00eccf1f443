"""Files are dropped, sent and watched until their verdicts are there; lists and jobs move before one's eyes."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from browser.conftest import Tabs
from browser.dropping import drop, drop_pairs, files, judge, say
from kit.bank import ROBOT, Bank, Sample, name_of
from kit.browser import HOST, Tab
from kit.service import Service

#: complete batches, as many as a browser keeps
FILL = """() => {
    const file = { path: "folder/".repeat(14), size: 1, isStored: true };
    const batch = JSON.stringify(Array.from({ length: 300 }, (_, at) => [`${at}`, file]));
    for (let at = 0, last = batch; last.length > 1; at += 1) {
        try {
            localStorage.setItem(`samplebank.batch.${at}`, last);
        } catch {
            last = last.slice(0, last.length / 2);
        }
    }
}"""


@pytest.fixture
def worker(bank: Bank) -> str:
    name: str = bank.worker()["shortName"]
    return name


async def test_thirty_files_are_dropped_and_watched_to_their_verdicts(
    mia: Tab, bank: Bank, worker: str
) -> None:
    dropped = files(30)
    await mia.open("/submit")
    await say(mia, bank.plan(worker))

    await drop(mia, dropped)
    rows = mia.page.locator("#files tr[id]")
    await expect(rows).to_have_count(30)
    await expect(mia.page.locator("#summary")).to_contain_text("30 stored")
    judge(bank, worker, next(iter(dropped.values())), 30)

    await expect(rows.locator(".verdict.benign")).to_have_count(29)
    await expect(rows.filter(has_text=next(iter(dropped))).locator(".verdict.malicious")).to_be_visible()


async def test_after_a_reload_in_the_middle_the_rest_is_sent(mia: Tab, bank: Bank, worker: str) -> None:
    dropped = files(30)
    arrived, is_lost = 0, asyncio.Event()

    async def answer_twelve(route: Route) -> None:
        nonlocal arrived
        arrived += 1
        if arrived <= 12:
            await route.continue_()
        elif arrived == 13:  # the file is stored, and the answer is lost
            await route.fetch()
            is_lost.set()

    await mia.page.route("**/submit/file?*", answer_twelve)
    await mia.open("/submit")
    await say(mia, bank.plan(worker))
    await drop(mia, dropped)
    await expect(mia.page.locator("#summary")).to_contain_text("12 stored")
    await is_lost.wait()

    await mia.page.reload()
    await mia.page.unroute_all(behavior="ignoreErrors")
    await expect(mia.page.locator("#summary")).to_contain_text("18 of before: drop them again")
    await drop(mia, dropped)

    await expect(mia.page.locator("#summary")).to_contain_text("18 stored · 1 known · nothing left to send")
    await expect(mia.page.locator("#files tr[id]")).to_have_count(30)
    assert [len(bank.jobs_of(sample)) for sample in dropped.values()] == [1] * 30


async def test_after_many_batches_there_is_room_for_what_is_left_of_another(mia: Tab) -> None:
    """The browser keeps 5 MB for a service: batches that are complete make room."""
    await mia.open("/submit")
    await mia.page.evaluate(FILL)
    dropped = files(3)

    async def lose(_: Route) -> None:
        """The answer never comes."""

    await mia.page.route("**/submit/file?*", lose)
    await mia.open("/submit")
    await drop(mia, dropped)
    await expect(mia.page.locator("#summary")).to_contain_text("3 to go")
    await mia.page.reload()

    await expect(mia.page.locator("#summary")).to_contain_text("3 of before: drop them again")


async def test_a_file_is_sent_again_where_something_else_is_said_of_the_file(
    mia: Tab, bank: Bank, worker: str
) -> None:
    dropped = files(1)
    await mia.open("/submit")
    await say(mia, bank.plan(worker))
    await drop(mia, dropped)
    await expect(mia.page.locator("#summary")).to_contain_text("1 stored")

    await drop(mia, dropped)
    await expect(mia.page.locator("#summary")).to_contain_text("1 passed over: sent before")
    await mia.page.get_by_label("TLP").select_option("green")
    await drop(mia, dropped)

    # the service stores a file once that comes twice in a moment, and says so
    await expect(mia.page.locator("#summary")).to_contain_text("1 stored · 1 sent a moment ago already")


@pytest.mark.parametrize("is_one_drop", [True, False])
async def test_files_of_one_name_size_and_time_with_other_bytes_are_all_sent(
    mia: Tab, bank: Bank, *, is_one_drop: bool
) -> None:
    name, one, other = name_of("same"), Sample(2000), Sample(2000)
    dropped = [(name, one), (name, other), (name, one)]
    await mia.open("/submit")

    if is_one_drop:
        await drop_pairs(mia, dropped)
    else:
        for pair in dropped:
            await drop_pairs(mia, [pair])
            await expect(mia.page.locator("#summary")).to_contain_text("nothing left to send")

    await expect(mia.page.locator("#summary")).to_contain_text(
        "2 files · 4.0 kB · 2 stored · nothing left to send · 1 passed over"
    )
    assert [len(bank.jobs_of(sample)) for sample in (one, other)] == [1, 1]


async def test_after_a_reload_each_file_of_one_name_is_known_by_its_bytes(mia: Tab, bank: Bank) -> None:
    name, one, other = name_of("same"), Sample(2000), Sample(2000)
    arrived = 0

    async def answer_one(route: Route) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 1:
            await route.continue_()

    await mia.page.route("**/submit/file?*", answer_one)
    await mia.open("/submit")
    await drop_pairs(mia, [(name, one), (name, other)])
    await expect(mia.page.locator("#summary")).to_contain_text("1 stored")
    await mia.page.reload()
    await mia.page.unroute_all(behavior="ignoreErrors")
    await expect(mia.page.locator("#summary")).to_contain_text("1 of before: drop them again")

    await drop_pairs(mia, [(name, other), (name, one)])

    await expect(mia.page.locator("#summary")).to_contain_text(
        "1 stored · nothing left to send · 1 passed over"
    )
    assert [len(bank.jobs_of(sample)) for sample in (one, other)] == [1, 1]


async def test_a_known_file_is_told_before_its_bytes_travel(mia: Tab, bank: Bank, worker: str) -> None:
    dropped = files(3)
    seen, foreign, _ = dropped
    bank.submit(dropped[seen], "mia")
    bank.submit(dropped[foreign], "quinn")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    await mia.page.route("**/submit/file?*", hold)
    await mia.open("/submit")
    await say(mia, bank.plan(worker))
    await drop(mia, dropped)

    rows = mia.page.locator(".sending tr")
    await expect(rows.filter(has_text=seen)).to_contain_text("known, last seen")
    await expect(mia.page.locator("#summary")).to_contain_text("1 known · 3 to go")
    for route in held:
        await route.continue_()
    await expect(mia.page.locator("#summary")).to_contain_text("3 stored · 1 known")


async def test_over_plain_http_files_are_sent_though_nothing_can_be_hashed(
    tabs: Tabs, service: Service, bank: Bank
) -> None:
    tab = await (await tabs(f"http://{HOST}:{service.port}")).sign_in(service.keys["mia"])
    await tab.open("/submit")
    dropped = files(2)
    bank.submit(next(iter(dropped.values())), "mia")

    await drop(tab, dropped)

    await expect(tab.page.locator("#files tr[id]", has_text="last seen")).to_have_count(1)
    await expect(tab.page.locator("#files tr[id]")).to_have_count(2)
    assert not [request for request in tab.requests if "known" in request.url]


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "Your session has ended"), (413, "a proxy before the service"), (414, "metadata are too long")],
)
async def test_a_refusal_without_a_reason_is_told_in_words(mia: Tab, status: int, told: str) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, body="<html>nginx</html>")

    await mia.page.route("**/submit/file?*", refuse)
    await mia.open("/submit")

    await drop(mia, files(1))

    await expect(mia.page.locator(".sending tr.failed")).to_contain_text(told)
    assert str(status) in mia.problems.pop()  # browsers note every refusal on the console


@pytest.mark.parametrize("status", [502, 504])
async def test_files_are_sent_again_that_a_proxy_refuses_while_the_service_starts(
    mia: Tab, status: int
) -> None:
    asked: list[str] = []

    async def refuse_at_first(route: Route) -> None:
        asked.append(route.request.url)
        await (route.continue_() if asked[2:] else route.fulfill(status=status, body="<html>nginx</html>"))

    await mia.page.route("**/submit/file?*", refuse_at_first)
    await mia.open("/submit")

    await drop(mia, files(2))

    await expect(mia.page.locator("#summary")).to_contain_text("2 stored · nothing left to send")
    # browsers note every refusal on the console
    assert all(str(status) in problem for problem in mia.problems)
    mia.problems.clear()


async def test_a_file_that_waits_for_the_service_tells_why_and_how_long(mia: Tab) -> None:
    told = "The disk of the blobs is nearly full; uploads go on when the operator has made room on it."

    async def refuse(route: Route) -> None:
        answer = {"messages": [{"message": told}]}
        await route.fulfill(status=503, json=answer, headers={"Retry-After": "60"})

    await mia.page.route("**/submit/file?*", refuse)
    await mia.open("/submit")

    await drop(mia, files(1))

    await expect(mia.page.locator(".sending tr")).to_contain_text(f"sent again in 60 s: {told}")
    await expect(mia.page.locator("#summary")).to_contain_text("1 to go")
    assert "503" in mia.problems.pop()  # browsers note every refusal on the console


async def test_a_file_beyond_a_budget_is_refused_with_the_reason(mia: Tab) -> None:
    """The service says to come again in an hour: the file does not hold up the others so long."""
    told = "The 900 bytes of the file do not fit into the budget of your user."

    async def refuse(route: Route) -> None:
        answer = {"messages": [{"message": told}]}
        await route.fulfill(status=429, json=answer, headers={"Retry-After": "3600"})

    await mia.page.route("**/submit/file?*", refuse)
    await mia.open("/submit")

    await drop(mia, files(5))

    await expect(mia.page.locator("#summary")).to_contain_text("5 refused · nothing left to send")
    await expect(mia.page.locator(".sending tr.failed").last).to_contain_text(told)
    assert all("429" in problem for problem in mia.problems)  # browsers note every refusal on the console
    mia.problems.clear()


async def test_files_dropped_on_another_page_wait_in_the_form(mia: Tab) -> None:
    dropped = files(2)
    await mia.open("/samples")

    await drop(mia, dropped)
    await mia.page.get_by_role("button", name="Send 2 files").click()

    await mia.page.wait_for_url("**/submit?batch=*")
    await expect(mia.page.locator("#files tr[id]")).to_have_count(2)


async def test_files_dropped_on_another_page_while_the_service_is_away_are_told(mia: Tab) -> None:
    dropped = files(1)
    await mia.open("/samples")
    await mia.page.context.set_offline(True)

    await drop(mia, dropped)

    await expect(mia.page.get_by_role("alert")).to_contain_text("no file was sent. Drop the files again")
    assert mia.path == "/samples"
    await mia.page.context.set_offline(False)
    await drop(mia, dropped)
    await expect(mia.page.get_by_role("button", name="Send 1 file")).to_be_focused()
    await expect(mia.page.get_by_role("alert")).to_have_count(0)
    mia.problems.clear()  # browsers note every broken request on the console


async def test_files_dropped_on_another_page_after_the_session_has_ended_are_told(mia: Tab) -> None:
    await mia.open("/samples")
    await mia.page.context.clear_cookies()

    await drop(mia, files(1))

    told = "Your session has ended: no file was sent. Load the page again, sign in, and drop the files again."
    await expect(mia.page.get_by_role("alert")).to_have_text(told)
    assert mia.path == "/samples"


async def test_files_dropped_on_another_page_while_the_database_is_away_are_told(mia: Tab) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, body="<html>The database is away</html>")

    await mia.open("/samples")
    await mia.page.route("**/submit", refuse)

    await drop(mia, files(1))

    await expect(mia.page.get_by_role("alert")).to_contain_text("no file was sent. Drop the files again")
    assert mia.path == "/samples"
    assert "503" in mia.problems.pop()  # browsers note every refusal on the console


async def test_metadata_cannot_name_the_batch(mia: Tab) -> None:
    await mia.open("/submit")
    await say(mia, {"batch": "x"})

    await drop(mia, files(1))

    mistake = await mia.page.get_by_label("Metadata").evaluate("field => field.validationMessage")
    assert "Choose another key" in mistake
    assert await mia.page.locator("#sending").is_hidden()


async def test_without_scripts_the_form_leads_to_the_batch(tabs: Tabs, service: Service) -> None:
    tab = await (await tabs(java_script_enabled=False)).sign_in(service.keys["mia"])
    await tab.open("/submit")
    (name, sample) = next(iter(files(1).items()))

    await tab.page.get_by_label("Files").set_input_files(
        {"name": name, "mimeType": "", "buffer": sample.data}
    )
    await tab.page.get_by_role("button", name="Send").click()

    await tab.page.wait_for_url("**/batch/*")
    await expect(tab.page.locator("#files")).to_contain_text(name)


async def test_a_job_moves_before_ones_eyes(mia: Tab, bank: Bank, worker: str) -> None:
    _, job, tasks = bank.planned(worker)
    await mia.open(f"/job/{job}")

    bank.claim(worker)
    await expect(mia.page.locator("td .state.executing")).to_be_visible()
    bank.update(job, tasks[worker], "success", user=ROBOT)

    await expect(mia.page.locator("td .state.success")).to_be_visible()


async def test_a_list_says_how_many_are_new_and_stays(mia: Tab, bank: Bank) -> None:
    bank.submitted("mia")
    async with mia.page.expect_response("**/live?*"):
        await mia.open("/jobs")
    rows = mia.page.locator("#list tr[id]")
    before = [await row.get_attribute("id") for row in await rows.all()]

    bank.submitted("mia")

    await expect(mia.page.get_by_role("status").filter(has_text="new")).to_be_visible()
    assert [await row.get_attribute("id") for row in await rows.all()] == before


async def test_the_verdict_of_an_open_sample_comes_before_ones_eyes(
    mia: Tab, bank: Bank, worker: str
) -> None:
    sample, _, _ = bank.planned(worker)
    async with mia.page.expect_response("**/live?*"):
        await mia.open(f"/sample/{sample.sha256}")
    await mia.page.get_by_label("Note").fill("half a note")

    judge(bank, worker, sample, 1)

    await expect(mia.page.locator("h1")).to_contain_text("99 malicious")
    await expect(mia.page.get_by_label("Note")).to_have_value("half a note")
