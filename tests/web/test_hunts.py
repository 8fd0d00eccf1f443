"""Hunts on pages: begun by a form, followed, cancelled."""

import re
import time

from bench.databases import connected

from hunts.hunting import HUNT, begun, claimed, end, mark, marked, rules_for
from kit.bank import Bank, later
from kit.service import Service
from kit.visitor import Shown, Visitor
from samplebank.web.pages.hunts import MOST_HUNTS, MOST_LINES
from web.conftest import Visitors

#: a hunt anew so many times, and these hunts once more
COPIES = """
    INSERT INTO hunt SELECT (jsonb_populate_record(h, jsonb_build_object('id', gen_random_uuid(), 'query', $2::text))).*
      FROM hunt h, generate_series(1, $3) WHERE h.id = $1::text::uuid
"""
GONE = "DELETE FROM hunt WHERE query = $1"


def sent(visitor: Visitor, **fields: str) -> Shown:
    (key,) = visitor.get("/hunts").all("input[name=key]")
    return visitor.post("/hunts", {"key": key.attributes["value"], **fields})


def id_of(shown: Shown) -> str:
    return shown.response.url.rpartition("/")[2]


def test_a_form_begins_a_hunt_once(visitor: Visitors, bank: Bank) -> None:
    mia = visitor("mia")
    (key,) = mia.get("/hunts").all("input[name=key]")
    form = {"key": str(key.attributes["value"]), "rules": rules_for(mark()), "since": "7 days"}

    first, second = mia.post("/hunts", form), mia.post("/hunts", form)

    assert (first.status, id_of(first)) == (200, id_of(second))
    assert "Hunt" in first.text("h1")
    assert bank.data(bank.get(f"{HUNT}/{id_of(first)}", "mia"))["ruleCount"] == 1
    bank.delete(f"{HUNT}/{id_of(first)}", "mia")


def test_a_form_with_mistakes_comes_back_with_the_lines_of_the_compiler(visitor: Visitors) -> None:
    shown = sent(visitor("mia"), rules="rule a { condition: nonsense }", query="type:pebin")

    assert shown.status == 400
    assert "Line 1: error[E009]: unknown identifier `nonsense`" in shown.text(".problem")
    assert "nonsense" in shown.text("textarea")
    assert shown.all("input[name=query]")[0].attributes["value"] == "type:pebin"


def test_lines_of_mistakes_beyond_those_that_are_told_are_counted(visitor: Visitors) -> None:
    rules = "rule twice { condition: true }\n" * MOST_LINES

    told = sent(visitor("mia"), rules=rules).all(".problem pre")[0].text().strip().splitlines()

    assert len(told) == MOST_LINES + 1
    assert re.fullmatch(r"[1-9][0-9,]* more lines are not shown: mend these first\.", told[-1])


def test_a_form_for_a_customer_of_others_comes_back_with_what_was_written(visitor: Visitors) -> None:
    rules = rules_for(mark())

    shown = sent(visitor("mia"), rules=rules, query="type:pebin", customer="quarry")

    assert shown.status == 403
    assert "You do not hold the permission reanalyseSample for this customer" in shown.text(".problem")
    assert shown.text("textarea") == " ".join(rules.split())
    assert shown.all("input[name=customer]")[0].attributes["value"] == "quarry"


def test_rules_of_many_lines_come_back_as_they_were_written(visitor: Visitors) -> None:
    """Browsers end lines with CR and LF. What cannot be seen within a line is shown by name."""
    lines = ["rule a {", "\tcondition: nonsense // \u202e", "}"]

    shown = sent(visitor("mia"), rules="\r\n".join(lines))

    assert shown.status == 400
    told = shown.all("textarea[name=rules]")[0].text(strip=False)
    assert told.replace("\r\n", "\n").strip("\n").split("\n") == [
        *lines[:1],
        lines[1].replace("\u202e", "⟦RLO⟧"),
        lines[2],
    ]


def test_a_hunt_is_shown_with_its_hits_and_cancelled(visitor: Visitors, bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    sample = marked(bank, "any")
    for _ in range(51):
        marked(bank, "any")
    hunt = begun(bank, rules_for("any"), since=since)
    first = claimed(bank, hunt)
    end(bank, first, first["samples"][0]["id"])
    mia = visitor("mia")

    shown = mia.get(f"/hunts/{hunt['id']}")
    cancelled = mia.post(f"/hunts/{hunt['id']}/cancel")

    assert "50 of 52 looked at" in shown.text("dl")
    assert re.search(rf"{first['samples'][0]['id']}", shown.html)
    assert "cancelled" in cancelled.text("h1")
    assert sample.sha256 not in shown.html
    assert "Cancelled by mia." in mia.get(f"/hunts/{hunt['id']}").text()


async def test_older_hunts_are_a_link_away(visitor: Visitors, bank: Bank, service: Service) -> None:
    hunt, word = begun(bank, rules_for("any")), mark()
    bank.delete(f"{HUNT}/{hunt['id']}", "mia")
    async with connected(service.database_url) as db:
        try:
            await db.execute(COPIES, hunt["id"], word, MOST_HUNTS)
            mia = visitor("mia")
            first, second = mia.get("/hunts"), mia.get(f"/hunts?offset={MOST_HUNTS}")
        finally:
            await db.execute(GONE, word)

    assert len(first.all("tr[data-row]")) == MOST_HUNTS
    assert f"./hunts?offset={MOST_HUNTS}" in first.links()
    assert second.all("tr[data-row]")
    assert second.text(".older").startswith("← newer")


def test_who_may_not_hunt_sees_no_form(visitor: Visitors) -> None:
    assert not visitor("viewer").get("/hunts").all("textarea")
    assert visitor("mia").get("/hunts").all("textarea")


def test_the_first_match_with_a_place_is_shown_and_later_hits_lead_back(
    visitor: Visitors, bank: Bank
) -> None:
    since = later(time.time_ns() // 1_000_000)
    marked(bank, "any")
    hunt = begun(bank, rules_for("any"), since=since)
    batch = claimed(bank, hunt)
    (sample,) = [one["id"] for one in batch["samples"]]
    pattern = {"name": "$a", "count": 1, "offsets": [7], "text": "needle"}
    matches = [{"rule": "Size", "score": 1}, {"rule": "Text", "score": 2, "patterns": [pattern]}]
    assert end(bank, batch, hits=[{"sample": sample, "matches": matches}]).ok
    mia = visitor("mia")

    first, later_page = (mia.get(f"/hunts/{hunt['id']}{more}") for more in ("", "?offset=50"))

    assert "needle" in first.text("tbody td:nth-child(5)")
    assert f"../sample/{sample}/bytes?at=7" in first.links()
    assert f"../hunts/{hunt['id']}" in later_page.links()
