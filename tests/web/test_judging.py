"""Deciding on the page of a sample: verdicts by hand, and another analysis."""

from functools import partial
from typing import Any

import pytest

from kit.bank import ROBOT, Bank, Sample, name_of, together
from kit.children import Parent, some_bytes
from kit.visitor import Shown, Visitor
from web.conftest import Visitors


@pytest.fixture
def judged(bank: Bank) -> Sample:
    """A sample of the mill with a verdict by two analyses."""
    strong, weak = bank.workers(2)
    sample, job, tasks = bank.planned(strong, weak)
    for worker, score in ((strong, 99), (weak, 40)):
        analysis = bank.analyse(sample, worker, score)
        assert bank.update(job, tasks[worker], "success", analyses=[analysis]).status_code < 300
    return sample


def page_of(visitor: Visitor, sample: Sample) -> Shown:
    return visitor.get(f"/sample/{sample.sha256}")


def judge(visitor: Visitor, sample: Sample, seen: str, **fields: str) -> Shown:
    form = {"seen": seen, "status": "benign", "comment": "looked at by hand", **fields}
    return visitor.post(f"/sample/{sample.sha256}/verdict", form)


def seen_on(shown: Shown) -> str:
    return str(shown.all("input[name=seen]")[0].attributes["value"])


def test_the_verdict_is_told_as_an_argument(visitor: Visitors, judged: Sample) -> None:
    told = page_of(visitor("mia"), judged).text("header.verdict-line")

    assert "malicious" in told
    assert "97 % of the weight" in told
    assert "3 % of the weight" in told


def test_a_verdict_by_analyses_of_others_says_that_the_analyses_are_of_others(
    bank: Bank, visitor: Visitors, judged: Sample
) -> None:
    bank.submit(judged, "quinn")

    shown = page_of(visitor("quinn"), judged)

    assert "malicious" in shown.text("h1")
    assert "because of analyses that you may not see" in shown.text("header.verdict-line")
    assert "%" not in shown.text("header.verdict-line")


def balance(visitor: Visitor, sample: Sample) -> str:
    return page_of(visitor, sample).all(".columns section.card")[0].text()


def test_the_balance_of_a_job_without_an_analysis_tells_of_no_hidden_analysis(
    bank: Bank, visitor: Visitors
) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    assert bank.update(job, tasks[worker], "failed", message="broken").ok

    assert "No analysis that you may see was weighed." in balance(visitor("chief"), sample)


def test_the_balance_of_others_after_a_verdict_was_taken_back_is_that_of_hidden_analyses(
    bank: Bank, visitor: Visitors, judged: Sample
) -> None:
    bank.submit(judged, "quinn")
    chief, quinn = visitor("chief"), visitor("quinn")

    judge(chief, judged, seen_on(page_of(chief, judged)))
    assert "The verdict was set by hand" in balance(quinn, judged)
    judge(chief, judged, seen_on(page_of(chief, judged)), status="withdrawn")

    assert "You may see none of the analyses that were weighed." in balance(quinn, judged)


def overridden(bank: Bank) -> Sample:
    """A sample with a low score that an analysis of the mill overrides, and that the quarry has, too."""
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 10, verdictStatusOverride="malicious")
    assert bank.update(job, tasks[worker], "success", analyses=[analysis]).ok
    bank.submit(sample, "quinn")
    return sample


def test_an_override_of_an_analysis_is_not_told_as_a_verdict_by_hand(bank: Bank, visitor: Visitors) -> None:
    shown = page_of(visitor("chief"), overridden(bank))

    told = shown.text("header.verdict-line")
    assert ("set by analyses" in told, "by hand" in told) == (True, False)
    assert not shown.all("button[value=withdrawn]")


def test_who_sees_no_analysis_is_told_that_a_verdict_by_hand_was_taken_back(
    bank: Bank, visitor: Visitors
) -> None:
    sample, chief = overridden(bank), visitor("chief")

    judge(chief, sample, seen_on(page_of(chief, sample)))
    judge(chief, sample, seen_on(page_of(chief, sample)), status="withdrawn")

    told = page_of(visitor("quinn"), sample).text("header.verdict-line")
    assert ("taken back" in told, "Set by hand" in told) == (True, False)


def test_without_any_witness_the_page_does_not_say_that_nothing_was_found(
    visitor: Visitors, judged: Sample
) -> None:
    mia = visitor("mia")
    ids = [
        str(node.attributes["href"]).rpartition("=")[2] for node in page_of(mia, judged).all("a[role=switch]")
    ]

    shown = mia.get(f"/sample/{judged.sha256}?without={ids[0]}&without={ids[1]}")

    assert "because of analyses that are left out below" in shown.text("header.verdict-line")
    assert "No analysis found anything" not in shown.text()


def test_without_a_witness_the_page_tells_another_verdict(visitor: Visitors, judged: Sample) -> None:
    mia = visitor("mia")
    strongest = page_of(mia, judged).all("a[role=switch]")[0].attributes["href"]

    shown = mia.get(f"/sample/{strongest}")

    assert "suspicious" in shown.text(".doubt")


def test_a_verdict_by_hand_shows_its_reason(visitor: Visitors, judged: Sample) -> None:
    chief = visitor("chief")

    shown = judge(chief, judged, seen_on(page_of(chief, judged)))

    assert "benign" in shown.text("h1")
    assert "looked at by hand" in shown.text("header.verdict-line")


def test_a_form_that_is_sent_twice_judges_once(bank: Bank, visitor: Visitors, judged: Sample) -> None:
    chief = visitor("chief")
    seen = seen_on(page_of(chief, judged))

    statuses = [judge(chief, judged, seen).status for _ in range(2)]

    assert statuses == [200, 200]
    assert len([verdict for verdict in bank.verdicts_of(judged) if "manual" in verdict["flags"]]) == 1


def test_of_two_who_judge_at_once_the_second_is_told(visitor: Visitors, judged: Sample) -> None:
    chief, boss = visitor("chief"), visitor("boss")
    seen = seen_on(page_of(chief, judged))
    judge(chief, judged, seen, status="benign", comment="harmless")

    late = judge(boss, judged, seen, status="malicious", comment="evil")

    assert late.status == 409
    assert "changed since you loaded the page" in late.text()


@pytest.mark.parametrize("reasons", [["looked at by hand"] * 4, ["one", "two", "three", "four"]])
def test_of_forms_that_come_in_the_same_moment_one_judges(
    bank: Bank, visitor: Visitors, judged: Sample, reasons: list[str]
) -> None:
    """A form that is sent twice is a repeat, and all other forms are told of the verdict."""
    boss = visitor("boss")
    seen = seen_on(page_of(boss, judged))
    before = len(bank.verdicts_of(judged))

    shown = together(partial(judge, boss, judged, seen, comment=reason) for reason in reasons)

    refused = 0 if len({*reasons}) == 1 else 3
    assert sorted(one.status for one in shown) == [200] * (4 - refused) + [409] * refused
    assert len(bank.verdicts_of(judged)) == before + 1


def test_a_verdict_by_hand_is_taken_back(visitor: Visitors, judged: Sample) -> None:
    chief = visitor("chief")
    shown = judge(chief, judged, seen_on(page_of(chief, judged)))
    assert shown.all("button[value=withdrawn]")

    seen = seen_on(shown)
    back = [judge(chief, judged, seen, status="withdrawn", comment="wrong tab") for _ in range(2)]

    assert [one.status for one in back] == [200, 200]
    told = back[-1].text("header.verdict-line")
    assert "malicious" in told
    assert "The verdict by hand was taken back. wrong tab" in told
    assert "97 % of the weight" in told
    assert not back[-1].all("button[value=withdrawn]")
    history = chief.get(f"/sample/{judged.sha256}/history")
    assert [row.css("td")[2].text() for row in history.all("tbody tr")] == [
        "taken back, chief",
        "by hand, chief",
        "analyses",
    ]


def test_where_nothing_was_set_by_hand_there_is_nothing_to_take_back(
    visitor: Visitors, judged: Sample
) -> None:
    chief = visitor("chief")
    shown = page_of(chief, judged)

    refused = judge(chief, judged, seen_on(shown), status="withdrawn")

    assert not shown.all("button[value=withdrawn]")
    assert refused.status == 409
    assert "nothing to take back" in refused.text()


@pytest.mark.parametrize("fields", [{"comment": " "}, {"comment": "a" * 20_000}, {"status": "odd"}])
def test_a_verdict_with_a_mistake_is_refused(
    bank: Bank, visitor: Visitors, judged: Sample, fields: dict[str, Any]
) -> None:
    chief = visitor("chief")

    refused = judge(chief, judged, seen_on(page_of(chief, judged)), **fields)

    assert refused.status == 400
    assert not [verdict for verdict in bank.verdicts_of(judged) if "manual" in verdict["flags"]]


def test_who_may_not_judge_is_offered_nothing(visitor: Visitors, judged: Sample) -> None:
    mia = visitor("mia")

    assert not page_of(mia, judged).all("input[name=seen]")
    assert judge(mia, judged, "").status == 403


def test_another_analysis_leads_to_its_job(bank: Bank, visitor: Visitors, judged: Sample) -> None:
    shown = visitor("mia").post(f"/sample/{judged.sha256}/reanalyse")

    newest = bank.jobs_of(judged, sortBy=["-enqueuedTimestamp"])[0]
    assert shown.response.url.endswith(f"/job/{newest['id']}")
    assert len(bank.jobs_of(judged)) == 2


def test_the_history_tells_what_changed(visitor: Visitors, judged: Sample) -> None:
    chief = visitor("chief")
    judge(chief, judged, seen_on(page_of(chief, judged)))

    shown = chief.get(f"/sample/{judged.sha256}/history")

    assert [row.css("td")[2].text() for row in shown.all("tbody tr")] == ["by hand, chief", "analyses"]


def test_a_link_to_a_sample_of_others_shows_nothing_of_the_sample(
    bank: Bank, visitor: Visitors, judged: Sample
) -> None:
    foreign, name = Sample(), name_of("secret")
    bank.submit(foreign, "quinn", fileName=name)
    link = {
        "reference": foreign.sha256,
        "tlp": "amber",
        "type": "child",
        "userAgent": {"name": "tests", "version": "1"},
        "customer": "mill",
    }
    bank.data(bank.post(f"{judged.path}/link", link, ROBOT))

    shown = visitor("mia").get(f"/sample/{judged.sha256}/relations")

    assert "not here" in shown.text("tbody")
    assert name not in shown.html


def test_relations_draw_what_came_out_of_a_sample(bank: Bank, visitor: Visitors) -> None:
    parent = Parent(bank)
    inner = parent.found(some_bytes())
    inner.add(some_bytes(), fileName="deep<b>.exe")

    rows = visitor("mia").get(f"/sample/{parent.sample.sha256}/relations").all("tr[data-depth]")

    assert [row.attributes["data-depth"] for row in rows] == ["1", "2"]
    assert "deep<b>.exe" in rows[1].text()


def test_sightings_tell_who_can_see_them(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted(user="mia", tlp="green")

    told = visitor("mia").get(f"/sample/{sample.sha256}/sightings").text("tbody")

    assert "mill (the customer)" in told
    assert "everybody of here (TLP green)" in told


def test_the_submitter_is_told_to_who_may_know_the_submitter(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted(user="mia", tlp="clear")
    path = f"/sample/{sample.sha256}/sightings"

    told = {user: "mia" in visitor(user).get(path).text("tbody td:nth-child(5)") for user in ("mia", "quinn")}

    assert told == {"mia": True, "quinn": False}
