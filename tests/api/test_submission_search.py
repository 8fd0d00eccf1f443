"""Search for submissions."""

from typing import Any

import pytest

from kit.bank import V2, Bank, Sample, fields_of, name_of

SEARCH = f"{V2}/submission/search"


def find(bank: Bank, user: str = "mia", **criteria: Any) -> list[str]:
    """Ids of the submissions that an advanced search finds, in the order of the answer."""
    return [row["id"] for row in bank.data(bank.post(SEARCH, {"limit": 0, **criteria}, user))]


def test_all_keywords_are_demanded_unless_any_is_asked_for(bank: Bank) -> None:
    one, two = name_of("one"), name_of("two")
    first, second = bank.submit(fileName=one)["id"], bank.submit(fileName=f"{one}{two}")["id"]

    demanded = find(bank, keywords=[one, two])
    any_of = find(bank, keywords=[one, two], keywordMatchStrategy="any", sortBy=["submittedTimestamp"])

    assert (demanded, any_of) == ([second], [first, second])


@pytest.mark.parametrize("field", ["id", "sampleSha256"])
def test_ids_and_digests_are_keywords_as_a_whole(bank: Bank, field: str) -> None:
    submission = bank.submit()
    word = submission["id"] if field == "id" else submission["sampleSha256"]

    whole = find(bank, keywords=[word], keywordFieldStrategy=[field])
    part = find(bank, keywords=[word[:-1]], keywordFieldStrategy=[field])

    assert (whole, part) == ([submission["id"]], [])


@pytest.mark.parametrize("field", ["id", "sampleSha256"])
def test_ids_and_digests_are_looked_for_in_the_chosen_field_only(bank: Bank, field: str) -> None:
    submission = bank.submit()
    word = submission["id"] if field == "id" else submission["sampleSha256"]

    assert find(bank, keywords=[word], keywordFieldStrategy=["fileName"]) == []


def test_a_tlp_is_a_keyword(bank: Bank) -> None:
    word = name_of("tlp")
    submission = bank.submit(fileName=word, tlp="green")["id"]
    bank.submit(fileName=word)

    assert find(bank, keywords=[word, "gree"]) == [submission]


def test_a_keyword_is_looked_for_in_the_chosen_field_only(bank: Bank) -> None:
    word = name_of("field")
    submission = bank.submit(metaData={"key": word})["id"]

    fields = [["metaData"], ["fileName", "mimeType", "userAgent", "tlp"], ["all"]]
    found = [find(bank, keywords=[word], keywordFieldStrategy=field) for field in fields]

    assert found == [[submission], [], [submission]]


def test_forty_keywords_in_one_field_find_the_one(bank: Bank) -> None:
    word = name_of("forty")
    submission = bank.submit(fileName=word)["id"]
    words = [*(name_of("absent") for _ in range(39)), word]

    found = find(bank, keywords=words, keywordMatchStrategy="any", keywordFieldStrategy=["fileName"])

    assert found == [submission]


def test_too_many_demanded_keywords_are_refused(bank: Bank) -> None:
    response = bank.post(SEARCH, {"keywords": [f"word{number}" for number in range(101)]}, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"keywords"}


def test_metadata_keys_may_hold_dots(bank: Bank) -> None:
    value = name_of("value")
    submission = bank.submit(metaData={"mail.from": value})["id"]

    assert find(bank, metaData=[{"path": "mail.from", "value": [value]}]) == [submission]


def test_a_metadata_path_without_values_asks_for_the_key(bank: Bank) -> None:
    key = name_of("key")
    submission = bank.submit(metaData={key: "anything"})["id"]

    assert find(bank, metaData=[{"path": key}]) == [submission]


def test_excluded_metadata_keeps_rows_without_the_key(bank: Bank) -> None:
    sample, name = Sample(), name_of("kept")
    plain = bank.submit(sample, fileName=name)["id"]
    bank.submit(sample, fileName=name, metaData={"k": "v"}, userAgent={"name": "other", "version": "1"})

    found = find(bank, fileName=[name], metaData=[{"path": "k", "value": ["v"], "exclude": True}])

    assert found == [plain]


def test_flags_are_any_of(bank: Bank) -> None:
    name = name_of("flag")
    trusted = bank.submit(fileName=name, userAgent={"name": "trusted-agent", "version": "1"})["id"]
    plain = bank.submit(fileName=name)["id"]

    flags = ["trustedAgent", "eventGeneratedNormal"]
    found = [find(bank, fileName=[name], includeFlags=flags), find(bank, fileName=[name], excludeFlags=flags)]

    assert found == [[trusted], [plain]]


def test_what_was_just_written_is_found_with_an_index_end_of_now(bank: Bank) -> None:
    submission = bank.submit()

    found = find(bank, id=[submission["id"]], indexEndTimestamp="now")

    assert found == [submission["id"]]


def test_both_ends_of_the_index_window_belong_to_it(bank: Bank) -> None:
    submission = bank.submit()
    moment = submission["submittedTimestamp"]

    found = find(bank, id=[submission["id"]], indexStartTimestamp=moment, indexEndTimestamp=moment)

    assert found == [submission["id"]]


def test_the_end_of_a_time_search_does_not_belong_to_it(bank: Bank) -> None:
    submission = bank.submit()
    moment = submission["submittedTimestamp"]
    bounds = [
        {"startTimestamp": moment, "endTimestamp": moment + 1},
        {"startTimestamp": 0, "endTimestamp": moment},
    ]

    found = [
        find(bank, id=[submission["id"]], timeFieldStrategy=["submittedTimestamp"], **each) for each in bounds
    ]

    assert found == [[submission["id"]], []]


def test_only_visible_submissions_are_found(bank: Bank) -> None:
    sample = Sample()
    mine, theirs = bank.submit(sample, "quinn")["id"], bank.submit(sample, "hana")["id"]

    found = find(bank, "quinn", id=[mine, theirs], sampleSha256=[sample.sha256])

    assert found == [mine]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": ["no-uuid"]}, "id[0]"),
        ({"sampleSha256": ["abc"]}, "sampleSha256[0]"),
        ({"customer": ["nowhere"]}, "customer[0]"),
        ({"subCriteria": [{"customer": ["nowhere"]}]}, "subCriteria[0].customer[0]"),
        ({"keywords": ["ab"]}, "keywords[0]"),
        ({"metaData": [{}]}, "metaData[0]"),
        ({"tlp": ["blue"]}, "tlp[0]"),
        ({"timeFieldStrategy": ["sampleCreated"]}, "timeFieldStrategy[0]"),
        ({"groupBy": []}, "groupBy"),
    ],
)
def test_what_is_wrong_with_a_search_is_named(bank: Bank, body: dict[str, Any], field: str) -> None:
    response = bank.post(SEARCH, body, "mia")

    assert response.status_code == 412
    assert field in fields_of(response)


def test_unknown_parameters_of_the_simple_search_are_refused(bank: Bank) -> None:
    response = bank.get(f"{V2}/submission", "mia", keyword="misspelt")

    assert response.status_code == 412
    assert fields_of(response) == {"keyword"}
