"""Trees of queries for tests."""

from collections.abc import Sequence

from hypothesis import strategies as st

from samplebank.query.samples import SAMPLES
from samplebank.query.tree import Either, Group, Part, Query, Term

#: without what begins a negation, names a field, or ends a word
FIRST = st.text("abzé09*._=/\\'", min_size=1, max_size=8)
BARE = st.text("abz09*.:-<>,=é\u202e", min_size=1, max_size=8)
QUOTED = st.one_of(
    st.text('ab"\\*. (:-', max_size=6), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
FIELDS = st.sampled_from([*SAMPLES.by_name, "meta.a.b", "result.x-y", "unknown"])


def parts(first: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Part, ...]]:
    """Pieces, of which no two without quotes stand beside each other."""
    begun = st.one_of(st.builds(Part, first), QUOTED.map(lambda text: Part(text, quoted=True)))
    others = st.lists(
        st.one_of(st.builds(Part, BARE), QUOTED.map(lambda text: Part(text, quoted=True))), max_size=3
    )
    return st.builds(joined, begun, others)


def joined(first: Part, others: Sequence[Part]) -> tuple[Part, ...]:
    found = [first]
    for part in others:
        if part.quoted or found[-1].quoted:
            found.append(part)
    return tuple(found)


TERMS = st.one_of(
    st.builds(Term, parts(FIRST), negated=st.booleans()),
    st.builds(Term, parts(BARE), field=FIELDS, negated=st.booleans()),
)


def clauses(
    atoms: st.SearchStrategy[Term | Group], least: int = 0
) -> st.SearchStrategy[tuple[Term | Group | Either, ...]]:
    either = st.lists(atoms, min_size=2, max_size=3).map(tuple).map(Either)
    return st.lists(st.one_of(atoms, either), min_size=least, max_size=3).map(tuple)


GROUPS = st.builds(Group, clauses(TERMS, 1), negated=st.booleans())
QUERIES = st.builds(Query, clauses(st.one_of(TERMS, GROUPS)))
