"""Statistics over submissions."""

from typing import Any

import pytest

from kit.bank import V2, Bank, Sample, fields_of, name_of

STATISTICS = f"{V2}/submission/statistics"
DAY = 86_400_000


class Pile:
    """Submissions of one sample. A mark in the metadata tells the submissions of one pile from all others."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.mark = name_of("pile")
        self.sample = Sample()

    def add(self, user: str = "mia", meta: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        meta_data = {"mark": self.mark, **(meta or {})}
        return self.bank.submit(self.sample, user, metaData=meta_data, **fields)

    def count(self, user: str = "mia", **asked: Any) -> list[dict[str, Any]]:
        body = {"metaData": [{"path": "mark", "value": [self.mark], "required": True}], **asked}
        records: list[dict[str, Any]] = self.bank.data(self.bank.post(STATISTICS, body, user))
        return records


@pytest.fixture
def pile(bank: Bank) -> Pile:
    return Pile(bank)


def counts(records: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(record["group"]["identifier"], record["count"]) for record in records]


def line(pile: Pile, resolution: str = "day", **asked: Any) -> list[tuple[int, int]]:
    include_empty = asked.pop("includeEmpty", True)
    wanted = {
        "name": "t",
        "field": "observedTimestamp",
        "resolution": resolution,
        "includeEmpty": include_empty,
    }
    (record,) = pile.count(timeline=[wanted], **asked)
    return [(bucket["timestamp"], bucket["count"]) for bucket in record["timeline"][0]["buckets"]]


def test_without_groups_there_is_one_record_without_group(pile: Pile) -> None:
    pile.add(fileName="one")
    pile.add(fileName="two")

    (record,) = pile.count()

    assert record == {"count": 2}


def test_nothing_found_is_a_record_of_zero(pile: Pile) -> None:
    (record,) = pile.count(statistics=[{"name": "s", "field": "expiryTimestamp"}])

    assert record == {"count": 0, "statistics": [{"name": "s", "field": "expiryTimestamp"}]}


def test_nothing_found_is_in_no_group(pile: Pile) -> None:
    assert pile.count(groupBy=[{"field": "customer"}]) == []


def test_rows_without_the_metadata_field_are_in_no_bucket_but_in_those_around(pile: Pile) -> None:
    pile.add(fileName="one", meta={"colour": "red"})
    pile.add(fileName="two")

    (tlp,) = pile.count(groupBy=[{"field": "tlp"}, {"field": "metaData", "metaDataField": "colour"}])

    assert tlp["count"] == 2
    assert counts(tlp["buckets"]) == [("red", 1)]
    assert tlp["buckets"][0]["group"]["metaDataField"] == "colour"


def test_a_metadata_field_may_hold_dots(pile: Pile) -> None:
    pile.add(meta={"mail.from": "x"})

    records = pile.count(groupBy=[{"field": "metaData", "metaDataField": "mail.from"}])

    assert counts(records) == [("x", 1)]


def test_equal_counts_are_ordered_by_their_bytes(pile: Pile) -> None:
    pile.add(fileName="b")
    pile.add(fileName="B")
    pile.add(fileName="a")

    records = pile.count(groupBy=[{"field": "fileName"}])

    assert counts(records) == [("B", 1), ("a", 1), ("b", 1)]


def test_metrics_of_two_leaves_are_told_apart(pile: Pile) -> None:
    pile.add(fileName="one", observedTimestamp=5 * DAY)
    pile.add(fileName="two", observedTimestamp=7 * DAY + 1)

    records = pile.count(
        groupBy=[{"field": "tlp"}, {"field": "fileName"}],
        timeline=[
            {"name": "d", "field": "observedTimestamp", "resolution": "day"},
            {"name": "e", "field": "expiryTimestamp", "resolution": "day"},
        ],
        statistics=[{"name": "s", "field": "observedTimestamp"}],
    )

    one, two = records[0]["buckets"]
    assert [one["statistics"][0]["min"], two["statistics"][0]["max"]] == [5 * DAY, 7 * DAY + 1]
    assert one["timeline"][0]["buckets"] == [{"timestamp": 5 * DAY, "count": 1}]
    assert two["timeline"][0]["buckets"] == [{"timestamp": 7 * DAY, "count": 1}]
    assert [each["timeline"][1]["buckets"] for each in (one, two)] == [[], []]


def test_empty_buckets_span_the_bounds_of_the_search(pile: Pile) -> None:
    pile.add(observedTimestamp=5 * DAY)

    found = line(pile, startTimestamp=4 * DAY, endTimestamp=7 * DAY, timeFieldStrategy=["observedTimestamp"])

    assert found == [(4 * DAY, 0), (5 * DAY, 1), (6 * DAY, 0)]


def test_bounds_on_another_field_do_not_span(pile: Pile) -> None:
    pile.add(observedTimestamp=5 * DAY)

    found = line(pile, startTimestamp="now - 1 day", timeFieldStrategy=["submittedTimestamp"])

    assert found == [(5 * DAY, 1)]


def test_so_many_groups_as_asked_for_are_told_the_largest_first(pile: Pile) -> None:
    for colour, number in (("red", 1), ("green", 3), ("blue", 2)):
        for file in range(number):
            pile.add(fileName=f"{colour} {file}", meta={"colour": colour})

    records = pile.count(groupBy=[{"field": "metaData", "metaDataField": "colour", "limit": 2}])

    assert counts(records) == [("green", 3), ("blue", 2)]


def test_more_than_ten_thousand_buckets_are_refused(pile: Pile) -> None:
    timeline = {"name": "t", "field": "observedTimestamp", "resolution": "hour", "includeEmpty": True}
    bounds = {"startTimestamp": 0, "endTimestamp": "now", "timeFieldStrategy": ["observedTimestamp"]}

    response = pile.bank.post(STATISTICS, {"timeline": [timeline], **bounds}, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"timeline[0].resolution"}


def test_more_than_a_hundred_thousand_buckets_in_all_are_refused(pile: Pile) -> None:
    hours = 10_000
    for number in range(11):
        pile.add(fileName=f"file {number}", observedTimestamp=number)
    timeline = {"name": "t", "field": "observedTimestamp", "resolution": "hour", "includeEmpty": True}
    body = {
        "metaData": [{"path": "mark", "value": [pile.mark], "required": True}],
        "groupBy": [{"field": "fileName", "limit": 20}],
        "timeline": [timeline],
        "startTimestamp": 0,
        "endTimestamp": hours * 3_600_000,
        "timeFieldStrategy": ["observedTimestamp"],
    }

    response = pile.bank.post(STATISTICS, body, "mia")

    assert (response.status_code, fields_of(response)) == (412, {"timeline"})


def test_a_stranger_counts_only_what_it_sees(pile: Pile) -> None:
    pile.add("mia", fileName="amber")
    pile.add("mia", fileName="clear", tlp="clear")

    records = pile.count("hana", groupBy=[{"field": "fileName"}])

    assert counts(records) == [("clear", 1)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"groupBy": [{"field": "metaData"}]}, "groupBy[0].metaDataField"),
        ({"groupBy": [{"field": "tlp", "limit": 10_001}]}, "groupBy[0].limit"),
        ({"groupBy": [{"field": "tlp"}] * 7}, "groupBy"),
        ({"timeline": [{"name": "t", "field": "fileName", "resolution": "day"}]}, "timeline[0].field"),
        ({"statistics": [{"field": "observedTimestamp"}]}, "statistics[0].name"),
        ({"startTimestamp": "soon"}, "startTimestamp"),
        ({"limit": 5}, "limit"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(bank: Bank, body: dict[str, Any], field: str) -> None:
    response = bank.post(STATISTICS, body, "mia")

    assert response.status_code == 412
    assert field in fields_of(response)
