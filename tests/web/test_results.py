"""Results drawn from schemas: whatever a worker says, the drawing is bounded, and nothing that fits is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.query.parsing import parse
from samplebank.query.tree import Term
from samplebank.web.drawn import Group, Leaf, Node, Series, Table
from samplebank.web.results import (
    DEEPEST,
    MOST_CHARACTERS,
    MOST_VALUES,
    draw,
    leaves_of,
    query_for,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)
WORDS = st.sampled_from(
    ["properties", "items", "title", "description", "unit", "$ref", "oneOf", "const", "enum", "a", "b"]
)
REFERENCES = st.sampled_from(
    ["#", "#/properties/a", "#/items", "#/$defs/x", "http://example.test/", "#/oneOf/0"]
)
SCHEMAS = st.recursive(
    SCALARS | REFERENCES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=30,
)
FITTING = {
    "title": "Packing",
    "type": "object",
    "properties": {
        "level": {"title": "Level", "oneOf": [{"const": 1, "title": "low"}, {"const": 2, "title": "high"}]},
        "ratio": {"title": "Ratio", "unit": "%", "description": "How much was packed."},
        "parts": {"title": "Parts", "items": {"$ref": "#/$defs/part"}},
        "names": {"items": {"type": "string"}},
    },
    "$defs": {
        "part": {"properties": {"name": {"title": "Name"}, "size": {"title": "Size", "unit": "bytes"}}}
    },
}


def nodes(node: Node) -> Iterator[Node]:
    yield node
    inner: list[Node] = []
    if isinstance(node, Group):
        inner = [field.node for field in node.fields]
    elif isinstance(node, Table):
        inner = [cell for row in node.rows for cell in row if cell is not None]
    elif isinstance(node, Series):
        inner = node.inner
    for one in inner:
        yield from nodes(one)


def leaves(node: Node) -> list[Leaf]:
    return [one for one in nodes(node) if isinstance(one, Leaf)]


def field(node: Node, title: str) -> Node:
    assert isinstance(node, Group)
    return next(one.node for one in node.fields if title in one.title)


def characters(node: Node) -> int:
    """The characters of what is drawn, but for the tags of templates."""
    total = 0
    for one in nodes(node):
        if isinstance(one, Leaf):
            total += len(one.text) + len(one.about)
        elif isinstance(one, Group):
            total += sum(len(told.title) + len(told.about) for told in one.fields)
        elif isinstance(one, Table):
            total += sum(map(len, one.heads))
    return total


@given(VALUES, SCHEMAS)
def test_any_result_is_drawn_by_any_schema(result: Any, schema: Any) -> None:
    drawn = draw(result, schema)

    assert drawn.more >= 0


@given(VALUES)
def test_every_value_is_drawn_or_counted(result: Any) -> None:
    drawn = draw(result, {})

    assert len(leaves(drawn.node)) + drawn.more >= len(list(leaves_of(result, 1000)))


HUGE = {
    "many values": {str(number): number for number in range(200_000)},
    "a long list": list(range(200_000)),
    "many rows": [{"name": "x", "size": number} for number in range(50_000)],
    "a long text": ["\u202e" * 1_000_000],
    "long names": {"\u202e" * 50_000 + str(number): 1 for number in range(20)},
    "wide rows": [{"\u202e" * 1000 + str(number): number for number in range(12)}] * 500,
    "different rows": [{str(number): number} for number in range(50_000)],
    "lists of nothing": [[]] * 200_000,
}


@pytest.mark.parametrize("result", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("schema", [{}, {"items": {"properties": {"name": {}}}}], ids=["unknown", "known"])
def test_a_huge_result_is_drawn_up_to_a_bound(result: Any, schema: Any) -> None:
    drawn = draw(result, schema)

    assert len(list(nodes(drawn.node))) <= 2 * MOST_VALUES
    assert characters(drawn.node) < 4 * MOST_CHARACTERS


def test_what_is_not_drawn_is_counted() -> None:
    drawn = draw({str(number): number for number in range(5000)}, {})

    assert len(leaves(drawn.node)) + drawn.more == 5000


@pytest.mark.parametrize(
    "result",
    [list(range(5000)), [{"name": "a"}] * 5000, {str(number): number for number in range(5000)}],
    ids=["a list", "a table", "an object"],
)
def test_what_is_cut_tells_how_much_is_left_out(result: Any) -> None:
    node = draw(result, {"items": {"properties": {"name": {}}}}).node

    assert not isinstance(node, Leaf)
    shown = {Table: "rows", Series: "inner", Group: "fields"}[type(node)]
    assert 0 < node.more == 5000 - len(getattr(node, shown))


def test_a_value_beyond_the_bound_is_told_from_a_value_that_a_row_lacks() -> None:
    rows: list[dict[str, Any]] = [{"name": "a", "size": 1}, {"size": 2}] * MOST_VALUES
    part = {"properties": {"name": {"title": "Name"}, "size": {"title": "Size"}}}

    table = draw(rows, {"items": part}).node

    assert isinstance(table, Table)
    assert len(table.rows) < len(rows)
    for row, drawn in zip(rows, table.rows, strict=False):
        assert [cell is not None for cell in drawn] == ["name" in row, True]


def test_a_deep_result_is_drawn_up_to_a_depth() -> None:
    result: Any = "deepest"
    for _ in range(500):
        result = {"in": [result]}

    drawn = draw(result, {})

    assert len(list(nodes(drawn.node))) <= DEEPEST + 1
    assert drawn.more == 1


def test_a_schema_gives_titles_units_and_words() -> None:
    drawn = draw({"ratio": 7, "level": 2}, FITTING).node

    assert isinstance(drawn, Group)
    assert [(one.title.striptags(), one.about) for one in drawn.fields] == [
        ("Level", ""),
        ("Ratio", "How much was packed."),
    ]
    assert [leaf.text.striptags() for leaf in leaves(drawn)] == ["high", "7 %"]


def test_a_list_of_objects_is_a_table() -> None:
    parts = field(
        draw({"parts": [{"name": "a", "size": 1}, {"size": 2, "more": [1]}]}, FITTING).node, "Parts"
    )

    assert isinstance(parts, Table)
    assert [head.striptags() for head in parts.heads] == ["Name", "Size", "more"]
    assert parts.rows[1][0] is None


def test_fields_and_columns_stand_in_the_order_in_which_the_schema_requires_them() -> None:
    row = {"required": ["path", "size"], "properties": {"why": {}, "size": {}, "path": {}}}
    schema = {
        "required": ["opened", "list", "of no description", 7],
        "properties": {"list": {"items": row}, "note": {}, "opened": {}},
    }

    drawn = draw({"list": [{"path": "a", "size": 1, "why": "b"}], "note": "c", "opened": "d"}, schema).node

    assert isinstance(drawn, Group)
    assert [one.title.striptags() for one in drawn.fields] == ["opened", "list", "note"]
    table = drawn.fields[1].node
    assert isinstance(table, Table)
    assert [head.striptags() for head in table.heads] == ["path", "size", "why"]


def test_a_column_that_the_schema_hides_is_not_drawn_and_not_missed() -> None:
    hiding = {"items": {"properties": {"name": {"title": "Name"}, "value": {"x-hidden": True}}}}

    drawn = draw([{"name": "a", "value": "b"}, {"name": "c"}], hiding)

    assert isinstance(drawn.node, Table)
    assert [head.striptags() for head in drawn.node.heads] == ["Name"]
    assert [leaf.text.striptags() for leaf in leaves(drawn.node)] == ["a", "c"]
    assert drawn.more == 0


def test_what_the_schema_does_not_know_is_folded() -> None:
    drawn = draw({"level": 1, "other": {"a": 1}, "others": [{"a": 1}]}, FITTING).node

    assert isinstance(drawn, Group)
    assert drawn.is_known
    other, others = field(drawn, ">other<"), field(drawn, "others")
    assert isinstance(other, Group)
    assert not other.is_known
    assert isinstance(others, Series)
    assert not others.is_known


def test_a_value_that_does_not_fit_is_drawn_as_a_tree() -> None:
    parts = field(draw({"parts": ["a", {"name": 1}]}, FITTING).node, "Parts")

    assert isinstance(parts, Series)
    assert not parts.is_known


@pytest.mark.parametrize(
    ("path", "value", "query"),
    [
        (("pe", "imphash"), "f34d", "result.pe.imphash:f34d"),
        (("size",), 5, "result.size:5"),
        (("ratio",), 0.5, "result.ratio:0.5"),
        (("packed",), True, "result.packed:true"),
        (("pdb",), None, "result.pdb:null"),
        (("url",), 'http://e/"x" *', 'result.url:"http://e/\\"x\\" *"'),
        (("host",), "//host/share", 'result.host:"//host/share"'),
        (("name",), "invoice\u200b.exe", 'result.name:"invoice\u200b.exe"'),
    ],
)
def test_a_value_at_a_path_can_be_asked_for(path: tuple[str, ...], value: Any, query: str) -> None:
    assert query_for(path, value) == query


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), "x"),
        (None, "x"),
        (("a b",), "x"),
        (("a.b",), "x"),
        (("a:b",), "x"),
        (('a"b',), "x"),
        (("",), "x"),
        (("a",), ""),
        (("a",), []),
        (("a",), 1e300),
        (("a",), "x" * 5000),
    ],
)
def test_what_no_query_can_ask_has_none(path: tuple[str, ...] | None, value: Any) -> None:
    assert query_for(path, value) is None


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4), SCALARS)
def test_every_query_that_is_offered_means_the_path_and_the_value(path: list[str], value: Any) -> None:
    query = query_for(tuple(path), value)

    if query is not None:
        (term,) = parse(query).clauses
        assert isinstance(term, Term)
        assert term.field == f"result.{'.'.join(path)}"
        assert not isinstance(value, str) or term.text == value


def test_a_long_list_hides_no_answer_behind_the_list() -> None:
    listing = [{"path": f"file {number}", "size": number} for number in range(5_000)]

    node = draw({"listing": listing, "members": 5_000, "children": ["a", "b"], "isEncrypted": True}, {}).node

    assert isinstance(node, Group)
    assert [field.title.striptags() for field in node.fields] == [
        "listing",
        "members",
        "children",
        "isEncrypted",
    ]
