"""Every field of a criterion filters: in the request, in the search, and in the condition."""

import msgspec
import pytest

from samplebank.api.search import criteria as requests
from samplebank.api.search import queries
from samplebank.database import TRUE, Sql
from samplebank.search import rows
from samplebank.search.criteria import Criterion
from samplebank.search.filters import Filters

#: the entries of criteria lists in requests and in queries, and the criteria that the entries become
PAIRS: list[tuple[type[msgspec.Struct], type[Criterion]]] = [
    (queries.QueriedSubmission, rows.SubmissionCriterion),
    (requests.AnalysisSearchRequest, rows.AnalysisCriterion),
    (requests.LinkSearchRequest, rows.LinkCriterion),
    (requests.ClassificationSearchRequest, rows.ClassificationCriterion),
    (queries.QueriedVerdict, rows.VerdictCriterion),
    (requests.StaticFactSearchRequest, rows.FactCriterion),
]


class Stone(Criterion, frozen=True, kw_only=True):
    colour: list[str] | None = None
    weight: int | None = None


STONES = Filters(
    Stone, colour=lambda colours: Sql("c = ANY ({})", colours), weight=lambda weight: Sql("w = {}", weight)
)


def test_a_field_without_a_condition_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="Stone and its filters differ in: weight"):
        Filters(Stone, colour=lambda _: TRUE)


def test_a_condition_without_a_field_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="Stone and its filters differ in: smell"):
        Filters(Stone, colour=lambda _: TRUE, weight=lambda _: TRUE, smell=lambda _: TRUE)


def test_all_fields_that_ask_for_something_must_hold() -> None:
    found = STONES.condition(Stone(colour=["red"], weight=0))

    assert found.render() == ("(c = ANY ($1)) AND (w = $2)", [["red"], 0])


def test_fields_that_ask_for_nothing_filter_nothing() -> None:
    assert STONES.condition(Stone(colour=[])) is TRUE


@pytest.mark.parametrize(("request_", "criterion"), PAIRS)
def test_what_a_request_may_name_is_what_a_search_looks_at(
    request_: type[msgspec.Struct], criterion: type[Criterion]
) -> None:
    assert set(request_.__struct_fields__) == set(criterion.__struct_fields__)
