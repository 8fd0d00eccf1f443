"""Pieces of SQL hold their values until the whole is rendered."""

import pytest

from samplebank.database import FALSE, TRUE, Sql, all_of, any_of, joined


def test_values_become_numbered_parameters_in_the_order_of_the_text() -> None:
    piece = Sql("b = {} AND a = {}", "x", 2)

    assert piece.render() == ("b = $1 AND a = $2", ["x", 2])


def test_a_piece_becomes_a_part_of_the_text_with_its_values() -> None:
    inner = Sql("a = {}", 1)

    assert Sql("SELECT {} WHERE {}", "x", inner).render() == ("SELECT $1 WHERE a = $2", ["x", 1])


def test_a_piece_in_two_places_has_the_same_number_in_both() -> None:
    since = Sql("{}::bigint", 7)

    assert Sql("a >= {} OR b >= {}", since, since).render() == ("a >= $1::bigint OR b >= $1::bigint", [7])


def test_the_same_value_given_twice_is_two_parameters() -> None:
    assert Sql("a = {} OR b = {}", 7, 7).render() == ("a = $1 OR b = $2", [7, 7])


def test_names_may_stand_in_several_places() -> None:
    piece = Sql("{now} - a > {most} AND {now} > b", now=5, most=1)

    assert piece.render() == ("$1 - a > $2 AND $1 > b", [5, 1])


def test_braces_in_a_text_without_values_are_taken_as_written() -> None:
    assert Sql("a = '{}'::text[]").render() == ("a = '{}'::text[]", [])


@pytest.mark.parametrize(
    ("text", "values", "named", "wrong"),
    [
        ("a = {}", (1, 2), {}, "1"),
        ("a = {} AND b = {}", (1,), {}, "1"),
        ("a = {now}", (), {"then": 1}, "now, then"),
        ("a = {now}", (), {"now": 1, "then": 1}, "then"),
    ],
)
def test_values_and_places_that_differ_are_refused(
    text: str, values: tuple[int, ...], named: dict[str, int], wrong: str
) -> None:
    with pytest.raises(TypeError, match=f"without a place: {wrong} in"):
        Sql(text, *values, **named)


def test_what_always_holds_is_left_out_of_all() -> None:
    assert all_of([TRUE, Sql("a")]).render() == ("(a)", [])


def test_all_of_nothing_holds_and_any_of_nothing_does_not() -> None:
    assert (all_of([]), any_of([])) == (TRUE, FALSE)


def test_any_of_some_conditions_stands_in_brackets_of_its_own() -> None:
    found = Sql("a AND {}", any_of([Sql("b"), Sql("c")]))

    assert found.render() == ("a AND ((b) OR (c))", [])


def test_each_of_all_conditions_stands_in_brackets() -> None:
    assert all_of([Sql("a OR b"), Sql("c")]).render() == ("(a OR b) AND (c)", [])


def test_pieces_are_joined() -> None:
    assert joined(", ", [Sql("{}", 1), Sql("b")]).render() == ("$1, b", [1])
