"""Columns and structs are tied by name."""

from typing import NamedTuple

import msgspec
import pytest

from samplebank.database import Columns, Made


class Thing(msgspec.Struct):
    id: int
    name: str


class Pair(NamedTuple):
    id: int
    name: str


def test_columns_are_selected_in_the_order_of_the_fields() -> None:
    columns = Columns(Thing, name="upper(t.name)", id="t.id")

    assert columns.sql == "t.id, upper(t.name)"
    assert columns.read((1, "A")) == Thing(id=1, name="A")


def test_columns_of_a_table_have_the_names_of_the_fields_but_for_others() -> None:
    assert Columns.of(Pair, "p", name="q.name").sql == "p.id, q.name"


def test_a_field_without_a_column_is_refused() -> None:
    with pytest.raises(TypeError, match="Thing has the fields id, name, not id"):
        Columns(Thing, id="t.id")


def test_a_column_without_a_field_is_refused() -> None:
    with pytest.raises(TypeError, match="not id, name, colour"):
        Columns.of(Thing, "t", colour="t.colour")


def test_the_last_fields_may_come_from_elsewhere() -> None:
    columns = Columns.of(Thing, "t", "name")

    assert columns.sql == "t.id"
    assert columns.read((1,), name="made") == Thing(id=1, name="made")


def test_a_field_from_elsewhere_before_a_column_is_refused() -> None:
    with pytest.raises(TypeError, match="id are not the last fields of Thing"):
        Columns.of(Thing, "t", "id")


def test_objects_can_be_made_into_others() -> None:
    made = Made(Columns.of(Thing, "t"), lambda thing: thing.name * thing.id)

    assert made.selected.render() == ("t.id, t.name", [])
    assert made.read((2, "ab")) == "abab"
