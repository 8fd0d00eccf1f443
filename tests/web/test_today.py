"""The first page: samples in need of eyes, arrivals, and tasks that wait in vain."""

import re
from typing import Any

import pytest
from bench.databases import connected
from markupsafe import Markup
from msgspec.structs import replace
from selectolax.lexbor import LexborHTMLParser

from kit.bank import ROBOT, Bank, Sample, eventually, name_of
from kit.service import Service
from kit.visitor import Visitor
from samplebank.accounts.model import Permission
from samplebank.database.tally import HOUR
from samplebank.jobs.numbers import InVain, UnderWay
from samplebank.search.notable_arrivals import FOR_EACH
from samplebank.search.since import SinceVisit
from samplebank.web.copying import of_today
from samplebank.web.pages.today import MOST, NOTHING, Today
from samplebank.web.rendering import Frame, render
from web.conftest import Visitors
from web.sending import COPIES


def judged(bank: Bank, score: int, user: str = "mia") -> tuple[Sample, str]:
    """A sample with a verdict by a job, and the name of the file."""
    (worker,) = bank.workers(1)
    name = name_of("file")
    sample, job, tasks = bank.planned(worker, user=user, fileName=name)
    analysis = bank.analyse(sample, worker, score, customer="mill" if user == "mia" else "quarry")
    assert bank.update(job, tasks[worker], "success", analyses=[analysis]).ok
    return sample, name


def eyes(visitor: Visitor) -> str:
    return visitor.get("/").text("#eyes")


@pytest.mark.parametrize(("score", "word"), [(99, "malicious"), (40, "suspicious")])
def test_a_bad_sample_needs_eyes(bank: Bank, visitor: Visitors, score: int, word: str) -> None:
    _, name = judged(bank, score)

    (row,) = [row for row in visitor("mia").get("/").all("#eyes tr[data-row]") if name in row.text()]

    assert word in row.text()


def test_a_good_sample_needs_no_eyes(bank: Bank, visitor: Visitors) -> None:
    _, name = judged(bank, 0)

    assert name not in eyes(visitor("mia"))


def test_a_sample_that_is_judged_by_hand_needs_no_eyes_any_more(bank: Bank, visitor: Visitors) -> None:
    sample, name = judged(bank, 99)
    assert name in eyes(visitor("mia"))

    verdict = {"statusOverride": "malicious", "comment": "seen"}
    assert bank.post(f"{sample.path}/verdict", verdict).status_code == 201

    assert name not in eyes(visitor("mia"))


def test_a_sample_whose_verdict_by_hand_was_taken_back_needs_eyes(bank: Bank, visitor: Visitors) -> None:
    sample, name = judged(bank, 99)
    verdict = {"statusOverride": "benign", "comment": "wrong key"}
    assert bank.post(f"{sample.path}/verdict", verdict).status_code == 201

    taken_back = bank.post(
        f"/samplebank/v1/sample/{sample.sha256}/verdict/withdrawal", {"comment": "wrong key"}
    )

    assert taken_back.status_code == 201
    assert name in eyes(visitor("mia"))


def test_a_sample_that_is_judged_by_hand_needs_no_eyes_when_a_job_carries_the_verdict_on(
    bank: Bank, visitor: Visitors
) -> None:
    sample, name = judged(bank, 99)
    verdict = {"statusOverride": "malicious", "comment": "seen"}
    assert bank.post(f"{sample.path}/verdict", verdict).status_code == 201
    (worker,) = bank.workers(1)

    bank.submit(sample, "mia", fileName=f"{name} again", metaData=bank.plan(worker))
    job = next(one["id"] for one in bank.jobs_of(sample) if one["state"] != "done")
    analysis = bank.analyse(sample, worker, 99)
    assert bank.update(job, bank.tasks_of(job)[worker], "success", analyses=[analysis]).ok

    assert bank.verdicts_of(sample)[0]["flags"] == []
    assert name not in eyes(visitor("mia"))


def test_the_samples_of_others_are_not_shown(bank: Bank, visitor: Visitors) -> None:
    _, name = judged(bank, 99)

    assert name not in eyes(visitor("quinn"))
    assert name in eyes(visitor("mia"))


def test_a_sample_that_came_again_is_shown_once(bank: Bank, visitor: Visitors) -> None:
    sample, name = judged(bank, 99)
    bank.submit(sample, "mia", fileName=f"{name} again")

    shown = visitor("mia").get("/")

    assert f"{name} again" in shown.text("#eyes")
    assert shown.text("#eyes").count(name) == 1


async def test_a_sample_that_came_again_and_again_hides_no_other(
    service: Service, bank: Bank, visitor: Visitors
) -> None:
    _, name = judged(bank, 99)
    often, _ = judged(bank, 99)
    async with connected(service.database_url) as db:
        await db.execute(COPIES, bytes.fromhex(often.sha256), MOST * FOR_EACH)

    assert name in eyes(visitor("mia"))


def test_a_bar_leads_to_the_samples_of_its_hour(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted(user="mia")
    mia = visitor("mia")

    link = mia.get("/").all("#arrivals svg a")[-1].attributes["href"]

    listed = mia.get(f"/{link}").all("input[name=sha256]")
    assert sample.sha256 in {str(node.attributes["value"]) for node in listed}


def test_arrivals_are_counted_by_verdict(bank: Bank, visitor: Visitors) -> None:
    judged(bank, 99)

    titles = [node.text() for node in visitor("mia").get("/").all("#arrivals rect title")]

    assert any("arrived" in title and "malicious" in title for title in titles)


def test_a_number_leads_to_what_was_counted(bank: Bank, visitor: Visitors) -> None:
    counted, _ = judged(bank, 99)
    mia = visitor("mia")
    page = mia.get("/")
    later, _ = judged(bank, 99)

    (link,) = [node for node in page.all("#arrivals p a") if "malicious" in node.text()]

    listed = {node.attributes["value"] for node in mia.get(f"/{link.attributes['href']}").all("tbody input")}
    assert (counted.sha256 in listed, later.sha256 in listed) == (True, False)


def test_tasks_that_wait_for_nobody_are_told_with_the_way_to_help(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    # More than wait for the workers of other tests. The page names the workers with the most tasks.
    for _ in range(25):
        bank.planned(worker)

    told = [node.text() for node in visitor("analyzer").get("/").all("#in-vain p") if worker in node.text()]

    assert told == [f"25 tasks wait for worker {worker}: nobody runs {worker}. What to do"]


def test_a_worker_with_a_live_process_is_not_waited_for_in_vain(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    bank.planned(worker)
    assert bank.claim(worker, ROBOT)

    assert eventually(lambda: worker not in visitor("analyzer").get("/").text("#in-vain"))


def test_tasks_of_others_that_wait_in_vain_are_not_told(bank: Bank, visitor: Visitors) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    assert worker not in visitor("quinn").get("/").text()


async def left(service: Service, user: str, hours: int) -> Visitor:
    """The user, who comes back after some hours."""
    of_user = "user_id = (SELECT id FROM subject WHERE short_name = $1)"
    async with connected(service.database_url) as db:
        await db.execute(
            f"UPDATE last_visit SET seen_time = seen_time - {hours * HOUR} WHERE {of_user}", user
        )
    return Visitor(service.url).sign_in(service.keys[user])


async def test_what_is_new_since_the_last_visit_is_told(
    service: Service, bank: Bank, visitor: Visitors
) -> None:
    visitor("mia").get("/")
    sample, _ = judged(bank, 99)

    mia = await left(service, "mia", 3)

    assert "Since you were last here, 3 h ago :" in mia.get("/").text("#since")
    link = next(one for one in mia.get("/").all("#since a") if "malicious" in one.text())
    found = mia.get("/" + str(link.attributes["href"]).removeprefix("./"))
    assert sample.sha256 in {node.attributes["value"] for node in found.all("tbody input")}


async def test_a_visit_goes_on_in_another_session(service: Service, visitor: Visitors) -> None:
    visitor("quinn").get("/")
    await left(service, "quinn", 5)

    quinn = Visitor(service.url).sign_in(service.keys["quinn"])

    assert "5 h ago" in quinn.get("/").text("#since")


async def test_what_others_own_is_not_new(service: Service, bank: Bank, visitor: Visitors) -> None:
    visitor("quinn").get("/")
    quinn = await left(service, "quinn", 2)
    before = quinn.get("/").text("#since")

    judged(bank, 99)

    assert quinn.get("/").text("#since") == before


def test_who_may_see_workers_finds_the_way_to_the_workers(visitor: Visitors) -> None:
    assert "./workers" in visitor("analyzer").get("/").links()
    assert "./workers" not in visitor("mia").get("/").links()


def shown(**fields: Any) -> LexborHTMLParser:
    """The page where nothing has arrived, but for the given fields."""
    empty = Today(
        eyes=[],
        arrived=NOTHING,
        charted="",
        judged_since=None,
        most_judged=1,
        is_complete=True,
        chart=Markup(),
        under_way=UnderWay(),
        late="",
        in_vain=[],
        more_in_vain=0,
        most_counted=1_000,
        jobs=[],
        visit=SinceVisit(None, [], 0, 0, 0, 0),
        since=None,
        copied=of_today("http://127.0.0.1"),
        may=frozenset(Permission),
    )
    frame = Frame("./", "/", "", "mia", frozenset(), now=0, milliseconds=0, statements=0)
    return LexborHTMLParser(render(replace(empty, **fields), frame))


def test_where_nothing_has_arrived_the_page_tells_what_to_do_first() -> None:
    page = shown()

    assert "Nothing has arrived yet" in page.text()
    assert page.css('main a[href="./submit"]')
    assert "samplebank submit" in page.css("main code")[0].text()


def test_tasks_and_late_jobs_that_are_not_counted_to_the_end_are_told_as_so_many_or_more() -> None:
    page = shown(in_vain=[InVain("busy", 1_000), InVain("calm", 999)], under_way=UnderWay(late=1_000))

    assert [node.text().split(" for ")[0] for node in page.css("#in-vain p")] == [
        "1,000 or more tasks wait",
        "999 tasks wait",
    ]
    assert "1,000 or more older than an hour" in page.css("#counts")[0].text()


def test_workers_that_nobody_runs_and_that_are_not_told_are_counted(bank: Bank, visitor: Visitors) -> None:
    bank.planned(*bank.workers(MOST + 1))

    page = visitor("analyzer").get("/")

    assert len(page.all("#in-vain p:not(.hint)")) == MOST
    assert re.fullmatch(
        r"Nobody runs [1-9][0-9,]* more workers? either. All workers", page.text("#in-vain .hint")
    )
    assert [link.attributes["href"] for link in page.all("#in-vain .hint a")] == ["./workers"]
