"""Saved queries: each user's own, by name, on the page of the account and on the first page."""

from urllib.parse import quote

import pytest

from kit.bank import Bank, name_of
from kit.visitor import Shown, Visitor
from samplebank.accounts.saved_queries import LONGEST_NAME, MOST
from web.conftest import Visitors


def save(visitor: Visitor, name: str, query: str = "type:pebin", kind: str = "samples") -> Shown:
    return visitor.post("/queries", {"kind": kind, "name": name, "q": query})


def saved(shown: Shown) -> dict[str, str]:
    """The queries that the page shows: where each leads, by name."""
    return {node.text(): str(node.attributes["href"]) for node in shown.all("a[data-saved]")}


@pytest.mark.parametrize("page", ["/", "/me"])
def test_a_saved_query_leads_to_what_it_finds(bank: Bank, visitor: Visitors, page: str) -> None:
    mia, name = visitor("mia"), name_of("query")
    sample = bank.submitted(user="mia", fileName=name)

    save(mia, name, f"name:{name}")

    found = mia.get("/" + saved(mia.get(page))[name].removeprefix("./"))
    assert [node.attributes["value"] for node in found.all("tbody input")] == [sample.sha256]
    assert name not in saved(visitor("quinn").get(page))


def test_a_query_is_saved_from_the_list_and_removed_from_the_account(visitor: Visitors) -> None:
    mia, name = visitor("mia"), name_of("query")
    form = mia.get("/jobs?q=state:done").all("details.save form")[0]
    fields = {str(one.attributes["name"]): one.attributes.get("value") for one in form.css("input")}

    kept = mia.post("/queries", fields | {"name": name})
    row = next(row for row in kept.all("#queries tbody tr") if name in row.text())
    gone = mia.post("/" + str(row.css("form")[0].attributes["action"]).removeprefix("./"))

    assert "jobs?q=state%3Adone" in saved(kept)[name]
    assert name not in saved(gone)


@pytest.mark.parametrize("page", ["samples", "jobs"])
def test_forms_of_a_list_hold_the_query_as_it_was_pasted(visitor: Visitors, page: str) -> None:
    """A row of a sheet has tabs, and mails have characters that cannot be seen: both go on to every form."""
    query = f"{'0' * 64}\t{'1' * 64}\u200b"

    shown = visitor("chief").get(f"/{page}?q={quote(query)}")

    hidden = {str(one.attributes["value"]) for one in shown.all("input[type=hidden][name=q]")}
    assert hidden == {query}
    boxes = [str(one.attributes["value"]) for one in shown.all(f"form[action$='/{page}'] input[type=search]")]
    assert boxes == [query.replace("\u200b", "⟦ZWSP⟧")]


def test_a_name_that_is_used_again_holds_the_newer_query(visitor: Visitors) -> None:
    mia, name = visitor("mia"), name_of("query")
    save(mia, name, "type:pdf")

    kept = save(mia, name, "state:done", "jobs")

    assert saved(kept)[name] == "./jobs?q=state%3Adone"


def test_what_one_user_saved_another_cannot_remove(visitor: Visitors) -> None:
    mia, name = visitor("mia"), name_of("query")
    row = next(row for row in save(mia, name).all("#queries tbody tr") if name in row.text())

    refused = visitor("quinn").post("/" + str(row.css("form")[0].attributes["action"]).removeprefix("./"))

    assert (refused.status, name in saved(mia.get("/me"))) == (404, True)


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"name": " "}, 400, "type a name"),
        ({"name": "n" * (LONGEST_NAME + 1)}, 400, "type a name"),
        ({"name": "a\0b"}, 400, "NUL"),
        ({"q": "tpye:pdf"}, 400, "tpye"),
        ({"q": ""}, 400, "can be saved"),
        ({"q": "a " * 1001}, 400, "can be saved"),
        ({"kind": "hunts"}, 400, "saved for samples and for jobs"),
    ],
    ids=["blank", "long", "nul", "mistake", "empty", "too long", "kind"],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(
    visitor: Visitors, fields: dict[str, str], status: int, told: str
) -> None:
    given = {"kind": "samples", "name": "refused", "q": "type:pdf"} | fields

    refused = visitor("mia").post("/queries", given)

    assert (refused.status, told in refused.text()) == (status, True), refused.text()


def test_who_may_look_at_nothing_saves_nothing(visitor: Visitors) -> None:
    assert save(visitor("nobody"), "anything").status == 403


def test_a_user_keeps_a_bounded_number_of_queries(visitor: Visitors) -> None:
    boss = visitor("boss")
    for number in range(MOST):
        assert save(boss, f"query {number}").status == 200

    refused, replaced = save(boss, "one too many"), save(boss, "query 7", "type:pdf")

    assert (refused.status, replaced.status) == (409, 200)
    assert len(saved(replaced)) == MOST
