"""Pages in any order: NULL comes last in both directions, and a page may begin behind any row."""

from typing import NamedTuple

import pytest

from samplebank.database import TRUE, Connection, Page, Sql
from samplebank.database.ordering import Key, Order, read_place
from samplebank.database.query import Place

ROWS = Sql("(VALUES (1, 10, 'b'), (2, NULL, 'a'), (3, 20, 'a'), (4, NULL, 'b'), (5, 10, 'a')) t (id, a, b)")
KEYS = {"a": Key("t.a", may_be_null=True, field="a"), "b": Key("t.b", "text", field="b")}
ORDERS = {
    ("a",): [1, 5, 3, 2, 4],
    ("-a",): [3, 5, 1, 4, 2],
    ("b",): [2, 3, 5, 1, 4],
    ("-b",): [4, 1, 5, 3, 2],
    ("b", "-a"): [3, 5, 2, 1, 4],
    ("-b", "a"): [1, 4, 5, 3, 2],
    ("a", "b"): [5, 1, 3, 2, 4],
}


class Row(NamedTuple):
    id: int
    a: int | None
    b: str


def order_by(*names: str) -> Order:
    return Order(ROWS, names, KEYS, Key("t.id", field="id"))


async def ids(db: Connection, order: Order, page: Page) -> list[int]:
    return [row[0] for row in await order.ids(TRUE, page).rows(db)]


@pytest.mark.parametrize(("names", "expected"), ORDERS.items())
async def test_rows_come_in_the_order_of_the_names(
    db: Connection, names: tuple[str, ...], expected: list[int]
) -> None:
    assert await ids(db, order_by(*names), Page(10)) == expected


@pytest.mark.parametrize(("names", "expected"), ORDERS.items())
async def test_a_page_is_a_part_of_the_whole(
    db: Connection, names: tuple[str, ...], expected: list[int]
) -> None:
    assert await ids(db, order_by(*names), Page(2, 2)) == expected[2:4]


@pytest.mark.parametrize(("names", "expected"), ORDERS.items())
async def test_a_page_begins_behind_any_row(
    db: Connection, names: tuple[str, ...], expected: list[int]
) -> None:
    order = order_by(*names)
    rows = {row[0]: Row(**row) for row in await Sql("SELECT * FROM {}", ROWS).rows(db)}

    found = [await ids(db, order, Page(10, after=order.place_of(rows[id_]))) for id_ in expected]

    assert found == [expected[place:] for place in range(1, len(expected) + 1)]


def test_a_place_is_read_as_json_has_it() -> None:
    assert read_place(order_by("b", "a"), ["x", None, 7]) == Place(("x", None), 7)


@pytest.mark.parametrize(
    "values", [[], [1], [1, 2, 3], ["x", 1], [1.5, 1], [None, None], [2**63, 1], [True, "1"]]
)
def test_what_is_no_place_is_refused(values: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_place(order_by("a"), values)


def test_a_text_that_no_database_holds_is_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        read_place(order_by("b"), ["a\0b", 1])
