"""Queries as trees: what is read, what is refused at which place, and how a tree becomes a text again."""

from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.trees import QUERIES
from samplebank.query import jobs, samples
from samplebank.query.mistakes import BadQuery, Mistake
from samplebank.query.parsing import LONGEST, MOST_HASHES, MOST_TERMS, parse
from samplebank.query.tree import Either, Group, Part, Query, Term
from samplebank.query.writing import value_of, write

NOW = 1_795_000_000_000
SHA256 = "0123456789abcdef" * 4


def term(text: str, field: str | None = None, *, negated: bool = False) -> Term:
    return Term((Part(text),), field, negated)


def mistakes(text: str) -> list[tuple[str, str]]:
    """The mistakes: the part of the text, and the first words about the part."""
    with pytest.raises(BadQuery) as refused:
        samples.document_of(parse(text), NOW)
    return [(text[one.start : one.end], one.message) for one in refused.value.mistakes]


def told_of(text: str, read: Callable[[str], object]) -> tuple[Mistake, ...]:
    """The mistakes told of a text, if any."""
    try:
        read(text)
    except BadQuery as error:
        return error.mistakes
    return ()


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", ()),
        ("type:pebin", (term("pebin", "type"),)),
        ("-invoice", (term("invoice", negated=True),)),
        ("a - b", (term("a"), term("-"), term("b"))),
        ("seen:-7d", (term("-7d", "seen"),)),
        ("http://evil.example/", (term("http://evil.example/"),)),
        ('name:"a b"', (Term((Part("a b", quoted=True),), "name"),)),
        (r'"say \"x\" \\ \n"', (Term((Part('say "x" \\ \\n', quoted=True),)),)),
        ("a OR b c", (Either((term("a"), term("b"))), term("c"))),
        ("a or b", (term("a"), term("or"), term("b"))),
        ('"OR"', (Term((Part("OR", quoted=True),)),)),
        ("(a b) OR -(c)", (Either((Group((term("a"), term("b"))), Group((term("c"),), negated=True))),)),
        ("SHA256: " + SHA256, (term(SHA256, "SHA256"),)),
        (f"{SHA256} {'a' * 32};\n{SHA256}", (term(f"{SHA256},{'a' * 32},{SHA256}"),)),
        (f"{SHA256},{SHA256}; x", (term(f"{SHA256},{SHA256}"), term("x"))),
        (f"-md5:{'a' * 32}, {SHA256} ;", (term("a" * 32, "md5", negated=True), term(SHA256, negated=True))),
        (f"{SHA256} OR x", (Either((term(SHA256), term("x"))),)),
        ("meta.a.b:c:d", (term("c:d", "meta.a.b"),)),
        ("\ufeffa\u200b\n\tb", (term("a"), term("b"))),
    ],
)
def test_a_text_is_read_as_a_tree(text: str, tree: tuple[Term, ...]) -> None:
    assert parse(text) == Query(tree)


@given(QUERIES)
def test_a_tree_is_read_as_it_is_written(query: Query) -> None:
    assert parse(write(query)) == query


@given(st.text())
def test_any_text_is_read_or_refused_at_places_within(text: str) -> None:
    assert all(0 <= one.start <= one.end <= len(text) for one in told_of(text, parse))


def meaning_in(language: ModuleType) -> Callable[[str], object]:
    return lambda text: language.document_of(parse(text), NOW)


@given(st.text('ab/:.,;*"()<>-=\\ \t\n\u200b\ufeff\u3000', min_size=1) | st.text(min_size=1))
def test_a_written_value_reads_as_the_value(value: str) -> None:
    (term,) = parse(f"type:pdf name:{value_of(value)}").clauses[1:]

    assert isinstance(term, Term)
    assert (term.field, term.text) == ("name", value)


@given(QUERIES)
def test_any_tree_means_something_or_is_refused_at_places_within(query: Query) -> None:
    text = write(query)
    for language in (samples, jobs):
        found = told_of(text, meaning_in(language))
        assert all(0 <= one.start < one.end <= len(text) for one in found)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("tpye:x", "tpye", 'Do you mean "type:"?'),
        ("-scoer:1", "scoer", 'Do you mean "score:"?'),
        ("type.a:b", "type.a", "There is no field"),
        ("c:\\temp", "c", "A text with a colon needs quotes."),
        ("type:", "type:", "stands a value"),
        ("type: pdf", "type:", "without a blank between"),
        ("a (b", "(", "closed nowhere"),
        ("a) b", ")", "closes nothing"),
        ("a (b (c))", "(", "no further parentheses"),
        ("a ()", "()", "nothing between"),
        ("a(1).exe", "a(", "needs quotes"),
        ('a "b', '"b', "no second one"),
        ("a OR", "OR", "between two terms"),
        ("OR a", "OR", "between two terms"),
        ("a OR OR b", "OR", "between two terms"),
        ("score:101", "101", "from -1 to 100"),
        ("score:>100", ">100", "No score lies there"),
        ("score:<-1", "<-1", "No score lies there"),
        ("score:9..1", "9..1", "empty"),
        ("score:..", "..", "at least one end"),
        ("size:big", "big", "is no size"),
        ("seen:soon", "soon", "is no time"),
        ("seen:2026-02-30", "2026-02-30", "is no time"),
        ("seen:2026-11-01T12:30:00+01:00", "2026-11-01T12:30:00+01:00", "in UTC, with seconds and Z"),
        ("seen:..2026-11-01T12:30", "..2026-11-01T12:30", "in UTC, with seconds and Z"),
        ("seen:>9999-12-31T23:59:59.999Z", ">9999-12-31T23:59:59.999Z", "No time lies there"),
        ("link:chlid", "chlid", 'Do you mean "child"?'),
        ("link:abc", "abc", "parent, child, downloads, loads, executes"),
        ("parent:abc", "abc", "is no SHA256"),
        ("seen:-7x", "-7x", "no unit of time"),
        ("verdict:malicous", "malicous", 'Do you mean "malicious"?'),
        ("tlp:pink", "pink", "is no TLP"),
        ("sha256:abc", "abc", "is no SHA256"),
        ("type:pe*", "pe*", "has no meaning"),
        ("name:a*", "a*", "at least 3 characters"),
        ("name:*aaa*b*c*d*", "*aaa*b*c*d*", "at most 4"),
        ("invo*ice", "invo*ice", "found anywhere"),
        ("ab", "ab", "at least 3 characters"),
        ("invoice , " + SHA256, ",", "at least 3 characters"),
        ("name:" + "a" * 5000, "name:" + "a" * 5000, "at most 4096 characters"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, place: str, said: str) -> None:
    told = mistakes(text)

    assert any(where == place and said in message for where, message in told), told


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    assert [place for place, _ in mistakes("tpye:x score:900 seen:soon")] == ["tpye", "900", "soon"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("state:don", "don"),
        ("invoice", "invoice"),
        ("state:done OR worker:yara", "state:done OR worker:yara"),
        ("(state:done)", "(state:done)"),
        ("-worker:yara", "-worker:yara"),
        ("state:done state:timeout", "state:timeout"),
        ("worker:a worker:b", "worker:b"),
        ("seen:-7d ended:-1d", "ended:-1d"),
        ("a" * 32, "a" * 32),
    ],
)
def test_what_a_search_for_jobs_cannot_say_is_refused_at_its_place(text: str, place: str) -> None:
    with pytest.raises(BadQuery) as refused:
        jobs.document_of(parse(text), NOW)

    assert [text[one.start : one.end] for one in refused.value.mistakes] == [place]


@pytest.mark.parametrize(
    "text",
    [
        "x" * (LONGEST + 1),
        "(" * LONGEST,
        ")" * LONGEST,
        '"' * LONGEST,
        "," * LONGEST,
        '"a' * (LONGEST // 2),
        "-" * LONGEST + " a(",
        "OR " * (LONGEST // 3),
        "abc " * (LONGEST // 4),
        "type:" * (LONGEST // 5),
        f"{SHA256}," * (MOST_HASHES + 1),
        f"{SHA256} " * (MOST_HASHES + 1),
        "abc OR " * MOST_TERMS + "abc",
        "name:" + "*aaa" * 1000,
        "a." + "b" * LONGEST,
        "a." * (LONGEST // 2),
    ],
    ids=lambda text: str(text[:12]),
)
def test_a_hostile_text_is_refused(text: str) -> None:
    assert mistakes(text)


def test_as_many_hashes_as_a_search_takes_are_one_list() -> None:
    hashes = [f"{number:064x}" for number in range(MOST_HASHES)]

    assert samples.document_of(parse("\n".join(hashes)), NOW) == {"sha256": hashes}
