"""Documents of searches say the same as the queries."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.trees import clauses
from samplebank.query import samples
from samplebank.query.parsing import MOST_HASHES, parse
from samplebank.query.places import place_of
from samplebank.query.tree import Clause, Either, Group, Part, Query, Term

NOW = 1_795_000_000_000  # 2026-11-18T07:06:40Z
LAST, LATEST = "9999-12-31T23:59:59.999Z", 253_402_300_799_999
DAY = 86_400_000
#: a term of each way in which documents hold conditions, and what the term looks for
LOOKED_FOR = {
    ("type", "pdf"): "pdf",
    ("type", "zip"): "zip",
    ("arch", "x86"): "x86",
    ("family", "emotet"): "emotet",
    ("customer", "acme"): "acme",
    ("customer", "beta"): "beta",
    (None, "invoice"): "invoice",
    (None, "mutex"): "mutex",
    (None, "a" * 64): "a" * 64,
    ("hash", "b" * 64): "b" * 64,
}
FLAGS = {"required", "exclude"}
TERMS = st.builds(
    lambda named, negated: Term((Part(named[1]),), named[0], negated),
    st.sampled_from(sorted(LOOKED_FOR, key=str)),
    st.booleans(),
)
GROUPS = st.builds(Group, clauses(TERMS, 1), negated=st.booleans())
QUERIES = st.builds(Query, clauses(st.one_of(TERMS, GROUPS)))


def document(text: str) -> dict[str, Any]:
    return samples.document_of(parse(text), NOW)


def holds(clause: Clause, sample: set[str]) -> bool:
    """Whether a clause holds of a sample with all the words."""
    if isinstance(clause, Either):
        return any(holds(choice, sample) for choice in clause.choices)
    found = clause.text in sample if isinstance(clause, Term) else all_hold(clause.clauses, sample)
    return found != clause.negated


def all_hold(clauses: tuple[Clause, ...], sample: set[str]) -> bool:
    """As `holds`, of all clauses. Hashes beside one another are a list."""
    listed = [c for c in clauses if isinstance(c, Term) and len(c.text) == 64 and not c.negated]
    others = [c for c in clauses if c not in listed]
    return (not listed or any(holds(c, sample) for c in listed)) and all(holds(c, sample) for c in others)


def matches(wanted: dict[str, Any], sample: set[str]) -> bool:
    """Whether a document matches the sample, by the rules of section 8 of the specification."""
    fields = {name: value for name, value in wanted.items() if name not in FLAGS | {"keywordMatchStrategy"}}
    return all(field_matches(name, value, sample) for name, value in fields.items())


def field_matches(name: str, value: Any, sample: set[str]) -> bool:
    if name == "keywords":
        return all(word in sample for word in value)
    if not isinstance(value[0], dict):
        return any(one in sample for one in value)
    if name == "tags":
        return any(tag["value"] in sample for tag in value)
    required = [entry for entry in value if entry.get("required")]
    excluded = [entry for entry in value if entry.get("exclude")]
    others = [entry for entry in value if entry not in required and entry not in excluded]
    return (
        all(matches(entry, sample) for entry in required)
        and not any(matches(entry, sample) for entry in excluded)
        and (not others or any(matches(entry, sample) for entry in others))
    )


@given(QUERIES, st.sets(st.sampled_from(sorted(LOOKED_FOR.values()))))
def test_a_document_matches_what_its_query_matches(query: Query, sample: set[str]) -> None:
    assert matches(samples.document_of(query, NOW), sample) == all_hold(query.clauses, sample)


@pytest.mark.parametrize(
    "text", ["invoice (mutex type:pdf)", "(mutex type:pdf) invoice", "invoice mutex type:pdf"]
)
def test_words_within_and_before_parentheses_are_demanded_with_all_that_stands_beside(text: str) -> None:
    found = document(text)

    assert sorted(found.pop("keywords")) == ["invoice", "mutex"]
    assert found == {
        "keywordMatchStrategy": "all",
        "classification": [{"type": ["pdf"], "required": True}],
    }


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("seen:-7d", NOW - 7 * DAY, None),
        ("seen:-7d..-1d", NOW - 7 * DAY, NOW - DAY + 1),
        ("seen:2026-11-01", 1_793_491_200_000, 1_793_491_200_000 + DAY),
        ("seen:2026-11-01..2026-11-08", 1_793_491_200_000, 1_793_491_200_000 + 8 * DAY),
        ("seen:>2026-11-01", 1_793_491_200_000 + DAY, None),
        ("seen:>=2026-11-01", 1_793_491_200_000, None),
        ("seen:<2026-11-01", None, 1_793_491_200_000),
        ("seen:<=2026-11-01", None, 1_793_491_200_000 + DAY),
        ("seen:2026-11", 1_793_491_200_000, 1_793_491_200_000 + 30 * DAY),
        ("seen:9999", 253_370_764_800_000, 253_402_300_799_999),
        (f"seen:{LAST}", LATEST, None),
        (f"seen:..{LAST}", 0, None),
        (f"seen:2026-11-01..{LAST}", 1_793_491_200_000, None),
        (f"seen:{LAST}..{LAST}", LATEST, None),
        (f"seen:<{LAST}", None, LATEST),
        ("seen:today", NOW - NOW % DAY, NOW - NOW % DAY + DAY),
        ("seen:yesterday", NOW - NOW % DAY - DAY, NOW - NOW % DAY),
        ('seen:"startOfDay - 6 hours"..now', NOW - NOW % DAY - DAY // 4, NOW + 1),
        ("seen:2026-11-01T00:00:00Z..", 1_793_491_200_000, None),
    ],
)
def test_a_time_is_a_range(text: str, start: int | None, end: int | None) -> None:
    assert document(text) == {
        "startTimestamp": start,
        "endTimestamp": end,
        "timeFieldStrategy": ["submissionCreated"],
    }


@pytest.mark.parametrize(
    ("text", "least", "below"),
    [
        ("size:4096", 4096, 4097),
        ("size:>1M", 1024**2 + 1, None),
        ("size:>=1MB", 1024**2, None),
        ("size:<1.5KiB", None, 1536),
        ("size:1k..2k", 1024, 2049),
        ("size:..1G", None, 1024**3 + 1),
        ("size:999999999999999T", 2**63 - 2, 2**63 - 1),
    ],
)
def test_a_size_is_a_range_of_bytes(text: str, least: int | None, below: int | None) -> None:
    assert document(text) == {"size": [least, below]}


def test_values_of_one_field_are_one_list() -> None:
    assert document("type:pdf OR type:rtf OR type:doc") == {
        "classification": [{"type": ["pdf", "rtf", "doc"], "required": True}]
    }


def with_hashes(text: str, length: int) -> tuple[str, list[str]]:
    """A text with a hash for each of the letters A, B and C, and the three hashes."""
    hashes = {letter.upper(): letter * length for letter in "abc"}
    return re.sub(r"\b[ABC]\b", lambda found: hashes[found[0]], text), list(hashes.values())


def test_pasted_hashes_are_a_list_for_each_algorithm() -> None:
    md5, sha1 = "A" * 32, "b" * 40

    assert document(f"MD5: {md5}\nSHA-1: {sha1}\n'{md5[::-1]}',") == {
        "subCriteria": [{"md5": [md5.lower(), md5.lower()]}, {"sha1": [sha1]}]
    }


@pytest.mark.parametrize(
    "text",
    [
        "'A' , 'B' , 'C'",
        '"A" , "B"; "C"',
        "A , B , C ,",
        "A ; B ; C\u200b;",
        "A, B\u200b, C",
        "hash:A , B , C",
        "sha256: A , SHA256: B ,C",
        "(hash:A , B , C)",
        "A B , ;\n, C",
    ],
)
def test_a_list_of_hashes_may_have_blanks_around_its_marks(text: str) -> None:
    pasted, hashes = with_hashes(text, 64)

    assert document(pasted) == {"sha256": hashes}


@pytest.mark.parametrize(
    "text",
    [
        "-A,B,C",
        "-A, B, C",
        "-A , B , C",
        "-md5:A, B; md5:C",
        "-MD5: A , MD5: B,C",
        '-"A", "B", "C"',
        '-A, B, C, "C"',
    ],
)
def test_a_minus_before_a_list_of_hashes_is_for_all_of_them(text: str) -> None:
    pasted, hashes = with_hashes(text, 32)

    (excluded,) = document(pasted)["subCriteria"]

    assert excluded["exclude"]
    assert set(excluded["md5"]) == set(hashes)


def test_hashes_that_must_not_be_found_are_one_list_however_many_there_are() -> None:
    hashes = [f"{number:064x}" for number in range(MOST_HASHES)]

    assert document(" ".join(f"-{sha256}" for sha256 in hashes)) == {
        "subCriteria": [{"sha256": hashes, "exclude": True}]
    }


@pytest.mark.parametrize("text", ["-A B", "-A, type:pdf B", "(-A,) B", "-A, OR B"])
def test_a_minus_is_not_for_what_is_no_part_of_its_list(text: str) -> None:
    wanted = "b" * 64

    found = document(text.replace("A", "a" * 64).replace("B", wanted))

    assert [wanted] in [found.get("sha256"), *(one.get("sha256") for one in found["subCriteria"])]


def test_what_a_document_holds_is_found_in_the_text() -> None:
    text = "invoice OR (customer:acme customer:beta)"
    query = parse(text)
    found = samples.document_of(query, NOW)

    place = place_of(query, found, "subCriteria[1].subCriteria[0].customer[0]")

    assert text[place.start : place.end] == "beta"
