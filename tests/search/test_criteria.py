"""How entries of a criteria list combine. The conditions are judged by a real database, SQLite, over plain truth."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.database import FALSE, TRUE, Sql, all_of, any_of
from samplebank.search.criteria import Criterion, row_condition, set_demands, sort_out, within, without


class Entry(Criterion, frozen=True, kw_only=True):
    """An entry that matches, does not match, or is neither (None), in the sense of SQL."""

    matches: bool | None


class Case(NamedTuple):
    entries: list[Entry]
    found: bool


HIT, MISS, SILENT = Entry(matches=True), Entry(matches=False), Entry(matches=None)
REQUIRED_HIT, REQUIRED_MISS = Entry(matches=True, required=True), Entry(matches=False, required=True)
EXCLUDED_HIT, EXCLUDED_MISS = Entry(matches=True, exclude=True), Entry(matches=False, exclude=True)
EXCLUDED_SILENT = Entry(matches=None, exclude=True)
BOTH_HIT = Entry(matches=True, required=True, exclude=True)
CASES = {
    "no entries": Case([], found=True),
    "an optional one that matches": Case([HIT], found=True),
    "an optional one that does not": Case([MISS], found=False),
    "an optional one with nothing to say": Case([SILENT], found=False),
    "one of two optional ones": Case([MISS, HIT], found=True),
    "neither of two optional ones": Case([MISS, MISS], found=False),
    "a required one that does not match": Case([REQUIRED_MISS], found=False),
    "required and optional, both match": Case([REQUIRED_HIT, HIT], found=True),
    "required matches, optional does not": Case([REQUIRED_HIT, MISS], found=False),
    "optional matches, required does not": Case([REQUIRED_MISS, HIT], found=False),
    "an excluded one that matches": Case([EXCLUDED_HIT], found=False),
    "an excluded one that does not": Case([EXCLUDED_MISS], found=True),
    "an excluded one with nothing to say": Case([EXCLUDED_SILENT], found=True),
    "excluded beats required": Case([BOTH_HIT], found=False),
    "excluded beats optional": Case([EXCLUDED_HIT, HIT], found=False),
}


def literal(entry: Entry) -> Sql:
    return Sql({True: "1 = 1", False: "1 = 0", None: "NULL = 1"}[entry.matches])


def members(entry: Entry) -> Sql:
    """The ids of matching rows; the row under test is 7."""
    return Sql("SELECT 7 AS id WHERE {} UNION ALL SELECT 8", literal(entry))


def on_id(entries: list[Entry]) -> Sql:
    """The condition on the id of the row under test."""
    demanded, excluded = set_demands(entries, members)
    return all_of(
        [*(within("row.id", sets) for sets in demanded), *(without("row.id", one) for one in excluded)]
    )


def is_true(condition: Sql) -> bool:
    text, _ = condition.render()
    text = text.replace("SELECT FROM", "SELECT 1 FROM")
    with closing(sqlite3.connect(":memory:")) as db:
        (found,) = db.execute(f"SELECT count(*) FROM (SELECT 7 AS id) row WHERE {text}").fetchone()
    return bool(found)


def expected(entries: list[Entry]) -> bool:
    """The rule as the specification words it."""
    excluded = [entry for entry in entries if entry.exclude]
    required = [entry for entry in entries if entry.required and not entry.exclude]
    rest = [entry for entry in entries if not entry.required and not entry.exclude]
    return (
        not any(entry.matches for entry in excluded)
        and all(entry.matches for entry in required)
        and (not rest or any(entry.matches for entry in rest))
    )


ENTRIES = st.lists(
    st.builds(
        Entry,
        matches=st.sampled_from([True, False, None]),
        required=st.sampled_from([True, False, None]),
        exclude=st.sampled_from([True, False, None]),
    ),
    max_size=6,
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_conditions_on_a_row_hold_as_the_rule_says(case: Case) -> None:
    found = is_true(row_condition(case.entries, literal))

    assert found is case.found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_conditions_on_an_id_hold_as_the_rule_says(case: Case) -> None:
    found = is_true(on_id(case.entries))

    assert found is case.found


@given(ENTRIES)
def test_any_list_of_entries_combines_as_the_specification_words_it(entries: list[Entry]) -> None:
    found = is_true(row_condition(entries, literal)), is_true(on_id(entries))

    assert found == (expected(entries), expected(entries))


@given(ENTRIES)
def test_every_entry_is_sorted_into_exactly_one_kind(entries: list[Entry]) -> None:
    found = sort_out(entries)

    together = [*found.required, *found.excluded, *found.optional]

    assert sorted(map(id, together)) == sorted(map(id, entries))


def test_a_list_that_is_not_given_demands_nothing() -> None:
    assert row_condition(None, literal) is TRUE


def test_nothing_is_within_no_sets() -> None:
    assert (within("row.id", []), any_of([]), all_of([])) == (FALSE, FALSE, TRUE)
