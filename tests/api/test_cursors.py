"""Cursors: pages behind one another are the whole list, and what is no cursor of the question is refused."""

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from kit.bank import Bank, fields_of, name_of
from samplebank.api import envelope
from samplebank.api.cursors import Question, cursor_at, page_behind
from samplebank.database import Database, Page, Sql
from samplebank.database.counting import Count
from samplebank.database.ordering import Key, Order
from samplebank.database.query import Place
from samplebank.errors import Invalid
from samplebank.http.shapes import PageQuery
from samplebank.jobs.listing import JOB_SORTS, AllJobs

LISTS = "/samplebank/v1"
NO_JOB = UUID(int=1)


def forged(cursor: str, values: list[Any]) -> str:
    """The cursor with other values, for the same question."""
    question = json.loads(base64.urlsafe_b64decode(cursor))[0]
    return base64.urlsafe_b64encode(json.dumps([question, values]).encode()).decode()


@pytest.fixture
def cursor(bank: Bank) -> str:
    """A cursor of the list of submissions, one on a page."""
    for _ in range(2):
        bank.submit()
    answer = bank.get(f"{LISTS}/submission", "mia", limit=1).json()
    return str(answer["metaData"]["next"])


@pytest.mark.parametrize("kind", ["sample", "submission", "job"])
def test_pages_behind_one_another_are_the_whole_search(bank: Bank, kind: str) -> None:
    word = name_of("paged")
    samples = [bank.submitted(fileName=word) for _ in range(5)]
    criteria_of: dict[str, dict[str, Any]] = {
        "sample": {"submission": [{"fileName": [word]}]},
        "submission": {"keywords": [word]},
        "job": {"sampleSha256": [sample.sha256 for sample in samples]},
    }
    criteria = criteria_of[kind]
    whole = bank.data(bank.post(f"{LISTS}/{kind}/search", {"limit": 0, **criteria}))

    pages: list[list[dict[str, Any]]] = []
    after: str | None = None
    while not pages or after:
        answer = bank.post(f"{LISTS}/{kind}/search", {"limit": 2, "after": after, **criteria}).json()
        pages.append(answer["data"])
        after = answer["metaData"].get("next")

    key = "sha256" if kind == "sample" else "id"
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row[key] for page in pages for row in page] == [row[key] for row in whole]


@pytest.mark.parametrize("kind", ["sample", "submission", "job"])
@pytest.mark.parametrize("after", ["nonsense", "bm9uc2Vuc2U=", "é", "W10="])
def test_what_is_no_cursor_is_refused(bank: Bank, kind: str, after: str) -> None:
    refused = bank.get(f"{LISTS}/{kind}", after=after)

    assert (refused.status_code, fields_of(refused)) == (412, {"after"})


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1],
        ["text", "text"],
        [2**63, 1],
        [-(2**70), 1],
        [True, 1],
        ["a\0b", "a\0b"],
        [None, None],
        [1, 1, 1],
    ],
    ids=str,
)
def test_a_cursor_with_values_of_its_own_is_refused(bank: Bank, cursor: str, values: list[Any]) -> None:
    refused = bank.get(f"{LISTS}/submission", "mia", limit=1, after=forged(cursor, values))

    assert (refused.status_code, fields_of(refused)) == (412, {"after"})


def values_of(cursor: str) -> list[Any]:
    values: list[Any] = json.loads(base64.urlsafe_b64decode(cursor))[1]
    return values


async def test_a_cursor_tells_no_number_of_samples(bank: Bank, database: Database) -> None:
    """A number would tell how many samples others have stored between two samples of the caller."""
    sample = bank.submitted()
    async with database.connection() as db:
        number = await db.fetchval("SELECT id FROM sample WHERE sha256 = $1", bytes.fromhex(sample.sha256))

    answer = bank.get(f"{LISTS}/sample", "mia", limit=1).json()

    created, hidden = values_of(answer["metaData"]["next"])
    assert answer["data"][0]["createdTimestamp"] == created
    assert isinstance(hidden, str)
    assert number.to_bytes(8, "big") not in base64.urlsafe_b64decode(hidden)


@pytest.mark.parametrize("number", [1, 2**40, "1", "", "A" * 32, "\N{SNOWMAN}", None])
def test_a_number_of_the_callers_own_is_refused(bank: Bank, number: object) -> None:
    """Else the callers would find the numbers of their samples by halving."""
    bank.submitted()
    cursor = bank.get(f"{LISTS}/sample", "mia", limit=1).json()["metaData"]["next"]
    created, _ = values_of(cursor)

    refused = bank.get(f"{LISTS}/sample", "mia", limit=1, after=forged(cursor, [created, number]))

    assert (refused.status_code, fields_of(refused)) == (412, {"after"})


def test_a_cursor_of_another_question_is_refused(bank: Bank, cursor: str) -> None:
    sorted_otherwise = bank.get(
        f"{LISTS}/submission", "mia", limit=1, sortBy="submittedTimestamp", after=cursor
    )
    elsewhere = bank.get(f"{LISTS}/job", "mia", limit=1, after=cursor)

    assert [fields_of(sorted_otherwise), fields_of(elsewhere)] == [{"after"}, {"after"}]


def test_a_page_begins_behind_a_cursor_or_at_an_offset(bank: Bank, cursor: str) -> None:
    refused = bank.get(f"{LISTS}/submission", "mia", limit=1, offset=1, after=cursor)

    assert (refused.status_code, fields_of(refused)) == (412, {"offset"})


def test_the_whole_list_takes_no_cursor(bank: Bank, cursor: str) -> None:
    refused = bank.get(f"{LISTS}/submission", "mia", limit=0, after=cursor)

    assert (refused.status_code, fields_of(refused)) == (412, {"after"})


def test_a_number_that_is_not_known_is_minus_one_with_what_is_known() -> None:
    answer = envelope.several([], Page(), Count(10_001, is_exact=False), {"next": "there"})

    told = msgspec.json.decode(answer.content)
    assert (told["count"], told["metaData"]) == (-1, {"countAtLeast": 10_001, "next": "there"})


def test_a_number_that_is_known_stands_alone() -> None:
    told = msgspec.json.decode(envelope.several([], Page(), Count(3)).content)

    assert (told["count"], told["metaData"]) == (3, {})


def test_behind_the_cursor_of_somebody_else_a_caller_sees_only_what_the_caller_may(
    bank: Bank, cursor: str
) -> None:
    bank.submit(user="quinn")
    own = {row["id"] for row in bank.data(bank.get(f"{LISTS}/submission", "quinn", limit=0))}

    found = bank.data(
        bank.get(
            f"{LISTS}/submission",
            "quinn",
            limit=1000,
            after=forged(cursor, [2**42, "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12]),
        )
    )
    assert {row["id"] for row in found} <= own


def test_a_filter_that_has_changed_is_another_question(bank: Bank, cursor: str) -> None:
    refused = bank.get(f"{LISTS}/submission", "mia", limit=1, keywords="other", after=cursor)

    assert (refused.status_code, fields_of(refused)) == (412, {"after"})


def test_a_cursor_of_another_installation_is_refused() -> None:
    asked = PageQuery(limit=5)
    there, here = (Question("/samplebank/v1/job", asked, uuid4(), uuid4()) for _ in range(2))
    cursor = cursor_at(there, Place((1,), NO_JOB))
    jobs = AllJobs(Order(Sql("job j"), ("-enqueuedTimestamp",), JOB_SORTS, Key("j.id", "uuid", field="id")))

    assert page_behind(jobs, there, Page(5), cursor).after == Place((1,), NO_JOB)
    with pytest.raises(Invalid, match="another installation"):
        page_behind(jobs, here, Page(5), cursor)


def test_a_host_that_is_none_does_not_matter(bank: Bank, cursor: str) -> None:
    answer = bank.call(
        "GET", f"{LISTS}/submission?limit=1&after={cursor}", "mia", headers={"Host": "here:b:c"}
    )

    assert answer.status_code == 200
