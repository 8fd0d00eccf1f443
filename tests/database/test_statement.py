"""Statements with names: every name gets a value, and PostgreSQL understands each statement of the package."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import samplebank
from samplebank.database import Connection, Statement


def statements() -> Iterator[tuple[str, Statement]]:
    for module in pkgutil.walk_packages(samplebank.__path__, "samplebank."):
        if module.name.endswith(("__main__", "web_process")) or ".migrations." in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            several = value.items() if isinstance(value, dict) else [("", value)]
            for key, one in several:
                if isinstance(one, Statement):
                    yield f"{module.name}.{name}{key and f'[{key}]'}", one


ALL = dict(statements())


def test_a_name_is_the_same_parameter_wherever_it_stands() -> None:
    statement = Statement("SELECT :size, :name, :size::bigint")

    assert statement.sql == "SELECT $1, $2, $1::bigint"
    assert statement.values({"name": "a", "size": 1}) == (1, "a")


def test_remarks_are_not_sent() -> None:
    statement = Statement("""
    -- Who is it?
    SELECT :name
        -- No :parameter here.
    """)

    assert statement.sql.split() == ["SELECT", "$1"]


def test_a_value_too_few_is_told_by_its_name() -> None:
    with pytest.raises(TypeError, match=r"the statement needs size$"):
        Statement("SELECT :size, :name").values({"name": "a"})


def test_a_value_too_many_is_told_by_its_name() -> None:
    with pytest.raises(TypeError, match=r"the statement has no colour$"):
        Statement("SELECT :name").values({"name": "a", "colour": "red"})


def test_a_wrong_name_is_told_with_the_right_one() -> None:
    with pytest.raises(TypeError, match="needs size; the statement has no length"):
        Statement("SELECT :size").values({"length": 1})


async def test_a_statement_answers_rows_a_row_and_a_value(db: Connection) -> None:
    statement = Statement("SELECT n FROM generate_series(1, :most::int) n ORDER BY n")

    rows = [row[0] for row in await statement.rows(db, most=3)]
    row = await statement.row(db, most=3)
    value = await statement.value(db, most=3)

    assert (rows, row[0], value) == ([1, 2, 3], 1, 1)


@pytest.mark.parametrize("name", ALL)
async def test_postgresql_understands_every_statement(db: Connection, name: str) -> None:
    prepared = await db.prepare(ALL[name].sql)

    assert len(prepared.get_parameters()) == len(ALL[name].names)
