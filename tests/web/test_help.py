"""The page of help tells every field of the query language, and is one click away."""

import pytest

from samplebank.query import jobs, samples
from samplebank.query.fields import Vocabulary
from web.conftest import Visitors


@pytest.mark.parametrize("vocabulary", [samples.SAMPLES, jobs.JOBS], ids=["samples", "jobs"])
def test_every_field_is_told_with_an_example(visitor: Visitors, vocabulary: Vocabulary) -> None:
    rows = [row.text(separator=" ") for row in visitor("mia").get("/help").all("tbody tr")]

    assert [
        field.name
        for field in vocabulary.fields
        if not any(field.help in row and field.example in row for row in rows)
    ] == []


@pytest.mark.parametrize("path", ["/", "/samples?q=tpye:pebin"])
def test_help_is_one_click_away(visitor: Visitors, path: str) -> None:
    assert "./help" in visitor("mia").get(path).links()
