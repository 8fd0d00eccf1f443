"""docs/query.md: its tables are the vocabularies, and its examples are queries."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from samplebank.query import jobs, samples
from samplebank.query.fields import Vocabulary
from samplebank.query.parsing import MOST_HASHES, MOST_TERMS, parse
from samplebank.query.sample_meanings import MOST_STARS

PAGE = (Path(__file__).parents[2] / "docs/query.md").read_text("utf-8")
NOW = 1_795_000_000_000
EXAMPLES = [
    *(
        (samples, line)
        for block in re.findall(r"```query\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ),
    *(
        (jobs, line)
        for block in re.findall(r"```jobs\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ),
    *((samples, one.example) for one in samples.SAMPLES.fields),
    *((jobs, one.example) for one in jobs.JOBS.fields),
]


def rows_of(title: str) -> list[tuple[str, str, str]]:
    """The table of a section: example, help, other names."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^|]*)` \| ([^|]*) \| ([^|]*) \|$", section, re.MULTILINE)


@pytest.mark.parametrize(("title", "vocabulary"), [("Samples", samples.SAMPLES), ("Jobs", jobs.JOBS)])
def test_the_tables_are_the_fields(title: str, vocabulary: Vocabulary) -> None:
    assert rows_of(title) == [
        (one.example, one.help, ", ".join(f"`{name}`" for name in one.other_names))
        for one in vocabulary.fields
    ]


@pytest.mark.parametrize(("language", "text"), EXAMPLES, ids=[text[:40] for _, text in EXAMPLES])
def test_the_examples_are_queries(language: ModuleType, text: str) -> None:
    assert language.document_of(parse(text), NOW)


def test_the_limits_are_those_of_the_parser() -> None:
    assert f"at most {MOST_TERMS} terms besides hashes, {MOST_HASHES:,} hashes" in PAGE
    assert f"up to {MOST_STARS} times" in PAGE
