"""Every page that an analyst opens: each list and search in each order that the interface offers, and deep pages."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args
from urllib.parse import urlencode

import msgspec

from bench import vocabulary as words
from bench.clients import EXTENSIONS, V2
from samplebank.api.jobs import JobSort
from samplebank.api.search import samples, submissions

Kind = Literal["sample", "submission", "job"]
Request = tuple[str, str, bytes]

WEEK = 7 * 86_400_000
LIMIT = 25
#: the deepest whole page of a database of 10,000 samples
DEPTH = 9_975
#: goals for the p95 of a page, in milliseconds: without criteria, with criteria, and at an offset
LIST_GOAL, SEARCH_GOAL, DEEP_GOAL = 5.0, 30.0, 10.0
#: the orders by kind. `lastAdded…` are other names of `lastUpdated…`
ORDERS: dict[Kind, list[str]] = {
    "sample": [name for name in get_args(samples.Sort) if "lastAdded" not in name],
    "submission": list(get_args(submissions.Sort)),
    "job": list(get_args(JobSort)),
}
NEWEST: dict[Kind, str] = {
    "sample": "-sampleCreatedTimestamp",
    "submission": "-observedTimestamp",
    "job": "-enqueuedTimestamp",
}


class Question(msgspec.Struct, frozen=True):
    """A page of rows of a kind. `goal` is for the p95 in milliseconds at the largest size."""

    kind: Kind
    #: "list" without criteria, "search", or "deep"
    way: Literal["list", "search", "deep"]
    name: str
    request: Request
    goal: float


def questions(latest: int, *, quick: bool) -> Iterator[Question]:
    """Every list and search in every order. `latest` is the time of the newest rows.

    A quick run leaves out the ascending orders, and the criteria that few rows match.
    """
    criteria = _criteria(latest)
    for kind, orders in ORDERS.items():
        chosen = [order for order in orders if order.startswith("-") or not quick]
        for order in chosen:
            path = f"{V2}/{kind}?{_query(kind, order)}"
            yield Question(kind, "list", f"{kind} list by {order}", ("GET", path, b""), LIST_GOAL)
        for said, wanted in list(criteria[kind].items())[1 if quick else 0 :]:
            for order in chosen:
                yield _search(kind, f"{kind} search, {said}, by {order}", wanted, order)
    yield from _plain()
    yield from _named(latest)


def _plain() -> Iterator[Question]:
    """The lists as a client asks that says nothing: samples and submissions of the last thirty days."""
    for kind in ("sample", "submission"):
        yield Question(kind, "list", f"{kind} list of the last days", ("GET", f"{V2}/{kind}", b""), LIST_GOAL)


def _criteria(latest: int) -> dict[Kind, dict[str, dict[str, Any]]]:
    """Criteria that few rows match, and criteria that very many rows match."""
    week = {"startTimestamp": latest - WEEK, "endTimestamp": latest}
    rare = {"keywords": [words.RARE_STEM]}
    return {
        "sample": {"1 % match": rare, "of a week": {**week, "timeFieldStrategy": ["sampleCreated"]}},
        "submission": {"1 % match": rare, "of a week": {**week, "timeFieldStrategy": ["submittedTimestamp"]}},
        "job": {"timed out in a week": {**week, "state": ["timeout"]}, "of a week": week},
    }


def _named(latest: int) -> Iterator[Question]:
    """The searches that the goals name."""
    week = {"startTimestamp": latest - WEEK, "endTimestamp": latest}
    fields = {
        "timeFieldStrategy": ["enqueuedTimestamp", "startTimestamp", "endTimestamp"],
        "timeMatchStrategy": "any",
    }
    newest = NEWEST["job"]
    yield _search("job", "jobs timed out last week", {**week, **fields, "state": ["timeout"]}, newest)
    yield _search("job", "all jobs of last week", {**week, **fields}, newest)
    tenth = {
        "keywords": [words.STEMS[0]],
        "classification": [{"type": ["pebin"]}],
        "verdict": [{"minimumScore": 70}],
    }
    yield _search("sample", "keyword of a tenth, type, score", tenth, NEWEST["sample"])


def _search(kind: Kind, name: str, wanted: dict[str, Any], order: str) -> Question:
    whole = {} if kind == "job" else {"indexStartTimestamp": 0}
    body = json.dumps({"limit": LIMIT, "sortBy": [order], **whole, **wanted}).encode()
    return Question(kind, "search", name, ("POST", f"{V2}/{kind}/search", body), SEARCH_GOAL)


def deep(cursors: dict[Kind, str]) -> Iterator[Question]:
    """The page at `DEPTH` of each list, by offset and by cursor."""
    for kind, cursor in cursors.items():
        query = _query(kind, NEWEST[kind])
        at_offset = ("GET", f"{V2}/{kind}?{query}&offset={DEPTH}", b"")
        behind = ("GET", f"{EXTENSIONS}/{kind}?{query}&{urlencode({'after': cursor})}", b"")
        first = ("GET", f"{EXTENSIONS}/{kind}?{query}", b"")
        yield Question(kind, "deep", f"{kind} page at offset {DEPTH:,}", at_offset, DEEP_GOAL)
        yield Question(kind, "deep", f"{kind} page behind a cursor there", behind, LIST_GOAL)
        yield Question(kind, "deep", f"{kind} first page, with a cursor for the next", first, LIST_GOAL)


def page_before(kind: Kind) -> Request:
    """The page whose `metaData.next` is the cursor of the page at `DEPTH`."""
    query = _query(kind, NEWEST[kind])
    return "GET", f"{EXTENSIONS}/{kind}?{query}&offset={DEPTH - LIMIT}", b""


def _query(kind: Kind, order: str) -> str:
    whole: Sequence[tuple[str, Any]] = () if kind == "job" else (("indexStartTimestamp", 0),)
    return urlencode([("limit", LIMIT), ("sortBy", order), *whole])
