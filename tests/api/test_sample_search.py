"""Search for samples: what a caller finds. A search tells a caller nothing about samples that the caller may not see."""

from typing import Any

import pytest
import requests

from kit.bank import AGENT, CHIEF, ROBOT, V2, Bank, Sample, fields_of, later, name_of

SEARCH = f"{V2}/sample/search"
MANY = 10_000


def find(bank: Bank, user: str = "mia", **criteria: Any) -> list[str]:
    """SHA-256 of the samples that an advanced search finds, in the order of the answer."""
    rows = bank.data(bank.post(SEARCH, {"limit": 0, **criteria}, user))
    return [row["sha256"] for row in rows]


def look(bank: Bank, user: str = "mia", **parameters: Any) -> requests.Response:
    return bank.get(f"{V2}/sample", user, **parameters)


def link(bank: Bank, sample: Sample, reference: Sample, **fields: Any) -> None:
    body = {"reference": reference.sha256, "type": "child", "tlp": "amber", "userAgent": AGENT, **fields}
    bank.data(bank.post(f"{sample.path}/link", body, ROBOT))


# -- lists


def test_without_any_filter_the_newest_samples_come_first(bank: Bank) -> None:
    older, newer = bank.submitted(), bank.submitted()

    rows = bank.data(look(bank, limit=2))

    assert [row["sha256"] for row in rows] == [newer.sha256, older.sha256]


def test_pages_neither_repeat_nor_drop_a_row(bank: Bank) -> None:
    word = name_of("paged")
    samples = {bank.submitted(fileName=word).sha256 for _ in range(5)}

    pages = [bank.data(look(bank, keywords=word, limit=2, offset=offset)) for offset in (0, 2, 4)]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert {row["sha256"] for page in pages for row in page} == samples


def test_a_stream_holds_the_same_as_the_pages(bank: Bank) -> None:
    word = name_of("streamed")
    samples = [bank.submitted(fileName=word).sha256 for _ in range(3)]

    answer = look(bank, keywords=word, limit=0).json()

    assert [row["sha256"] for row in answer["data"]] == samples[::-1]
    assert (answer["count"], answer["size"]) == (3, 3)


def test_a_found_sample_looks_like_the_sample_itself(bank: Bank) -> None:
    sample = bank.submitted()

    (found,) = bank.data(bank.post(SEARCH, {"sha256": [sample.sha256]}, "mia"))

    assert found.keys() >= {"md5", "sha1", "sha512", "size", "createdTimestamp", "firstSubmittedTimestamp"}
    assert (
        found["firstSubmittedTimestamp"] == bank.data(bank.get(sample.path, "mia"))["firstSubmittedTimestamp"]
    )


@pytest.mark.parametrize("name", ["lastUpdatedSubmission", "lastAddedSubmission"])
def test_both_names_of_a_sort_key_sort(bank: Bank, name: str) -> None:
    word = name_of("sorted")
    first, second = bank.submitted(fileName=word), bank.submitted(fileName=word)
    bank.submit(first, fileName=name_of("again"))

    found = find(bank, keywords=[word], sortBy=[f"-{name}"])

    assert found == [first.sha256, second.sha256]


@pytest.mark.parametrize(("sort", "last"), [("lastUpdatedAnalysis", 1), ("-lastUpdatedAnalysis", 1)])
def test_samples_without_the_sort_key_come_last_both_ways(bank: Bank, sort: str, last: int) -> None:
    word = name_of("nulls")
    bare, analysed = bank.submitted(fileName=word), bank.submitted(fileName=word)
    bank.analyse(analysed, "scanner")

    found = find(bank, keywords=[word], sortBy=[sort])

    assert found.index(bare.sha256) == last


# -- keywords


@pytest.mark.parametrize("word", ["x", "xy", ""])
def test_keywords_under_three_characters_are_refused(bank: Bank, word: str) -> None:
    response = bank.post(SEARCH, {"keywords": ["fine", word]}, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"keywords[1]"}


@pytest.mark.parametrize(
    "name", ["50%_off", "C:\\temp\\a.exe", "'; DROP TABLE sample; --", "ÄÖÜ ß Ж", "a\x1fb"]
)
def test_names_with_special_characters_are_found_literally(bank: Bank, name: str) -> None:
    word = name_of("special")
    sample = bank.submitted(fileName=f"{word}{name}")
    bank.submitted(fileName=f"{word}decoy")

    assert find(bank, keywords=[f"{word}{name}".lower()]) == [sample.sha256]


def test_a_keyword_does_not_reach_over_two_values(bank: Bank) -> None:
    word = name_of("over")
    bank.submitted(fileName="plain", metaData={"a": f"{word}left", "b": "right"})

    assert find(bank, keywords=[f"{word}leftright"]) == []


def test_a_backslash_in_a_result_is_found_as_it_is(bank: Bank) -> None:
    sample, word = bank.submitted(), name_of("path")
    bank.analyse(sample, "scanner", analysisResult={"dropped": [{"file": f'C:\\{word}\\"x".dll'}]})

    assert find(bank, keywords=[f'c:\\{word}\\"x"']) == [sample.sha256]


def test_the_digest_of_a_reference_finds_the_linking_sample(bank: Bank) -> None:
    sample, reference = bank.submitted(), Sample()
    link(bank, sample, reference)

    assert find(bank, keywords=[reference.sha256], keywordFieldStrategy=["link"]) == [sample.sha256]


def test_every_keyword_may_occur_in_another_row(bank: Bank) -> None:
    one, two = name_of("one"), name_of("two")
    sample = bank.submitted(fileName=one)
    bank.analyse(sample, two)
    bank.submitted(fileName=one)

    assert find(bank, keywords=[one, two], keywordMatchStrategy="all") == [sample.sha256]


# -- many values


def many(last: str) -> list[str]:
    return [*(f"absent-{number}" for number in range(MANY - 1)), last]


def test_ten_thousand_values_are_taken(bank: Bank) -> None:
    name = name_of("needle")
    sample = bank.submitted(fileName=name, metaData={"key": name})
    bank.analyse(sample, name, analysisResult={"a": {"b": name}})

    found = find(
        bank,
        submission=[{"fileName": many(name), "metaData": [{"path": "key", "value": many(name)}]}],
        analysis=[
            {"userAgent": [{"name": many(name)}], "analysisResult": [{"path": "a.b", "value": many(name)}]}
        ],
        keywords=many(name),
    )

    assert found == [sample.sha256]


def test_ten_thousand_digests_are_taken(bank: Bank) -> None:
    sample = bank.submitted()
    digests = [*(f"{number:064x}" for number in range(MANY - 1)), sample.sha256]

    assert find(bank, sha256=digests) == [sample.sha256]


def test_more_than_ten_thousand_values_are_refused(bank: Bank) -> None:
    response = bank.post(
        SEARCH, {"submission": [{"fileName": many("x"), "mimeType": [*many("x"), "y"]}]}, "mia"
    )

    assert response.status_code == 412
    assert fields_of(response) == {"submission[0].mimeType"}


def test_more_criteria_than_anybody_writes_are_refused(bank: Bank) -> None:
    response = bank.post(SEARCH, {"subCriteria": [{}] * 1000}, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"subCriteria"}


def test_more_criteria_in_all_than_a_planner_can_weigh_are_refused(bank: Bank) -> None:
    body = {"subCriteria": [{"submission": [{"metaData": [{"path": "k"}] * 10}]}] * 30}

    response = bank.post(SEARCH, body, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"subCriteria"}


def test_sub_criteria_do_not_nest(bank: Bank) -> None:
    response = bank.post(SEARCH, {"subCriteria": [{"subCriteria": [{}]}]}, "mia")

    assert response.status_code == 412
    assert fields_of(response) == {"subCriteria[0].subCriteria"}


# -- refusals


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sha256": ["abc"]}, "sha256[0]"),
        ({"md5": ["a" * 32, "g" * 32]}, "md5[1]"),
        ({"link": [{"reference": ["abc"]}]}, "link[0].reference[0]"),
        ({"subCriteria": [{"sha1": ["abc"]}]}, "subCriteria[0].sha1[0]"),
        ({"customer": ["nowhere"]}, "customer[0]"),
        ({"user": ["nobody-at-all"]}, "user[0]"),
        ({"startTimestamp": "now", "endTimestamp": "now - 1 day"}, "startTimestamp"),
        ({"subCriteria": [{"endTimestamp": "whenever"}]}, "subCriteria[0].endTimestamp"),
        ({"indexStartTimestamp": "now", "indexEndTimestamp": "now - 1 day"}, "indexStartTimestamp"),
        ({"submission": [{"metaData": [{}]}]}, "submission[0].metaData[0]"),
        ({"analysis": [{"analysisResult": [{"exclude": True}]}]}, "analysis[0].analysisResult[0]"),
        ({"verdict": [{"minimumScore": 101}]}, "verdict[0].minimumScore"),
        ({"sortBy": ["colour"]}, "sortBy[0]"),
        ({"keywrods": ["misspelt"]}, "keywrods"),
        ({"limit": 10_001}, "limit"),
    ],
)
def test_what_is_wrong_with_a_search_is_named(bank: Bank, body: dict[str, Any], field: str) -> None:
    response = bank.post(SEARCH, body, "mia")

    assert response.status_code == 412
    assert field in fields_of(response)


def test_all_that_is_wrong_is_told_at_once(bank: Bank) -> None:
    response = bank.post(SEARCH, {"sha256": ["abc"], "customer": ["nowhere"], "user": ["none"]}, "mia")

    assert fields_of(response) == {"sha256[0]", "customer[0]", "user[0]"}


@pytest.mark.parametrize(
    ("field", "hidden", "unknown"), [("customer", "harbour", "narnia1"), ("user", "hana", "huno")]
)
def test_unknown_and_invisible_ones_are_refused_with_the_same_words(
    bank: Bank, field: str, hidden: str, unknown: str
) -> None:
    for_hidden = bank.post(SEARCH, {field: [hidden]}, "mia").text.replace(hidden, "X")
    for_unknown = bank.post(SEARCH, {field: [unknown]}, "mia").text.replace(unknown, "X")

    assert for_hidden == for_unknown


# -- visibility


def is_active_since(bank: Bank, sample: Sample, moment: int, user: str, **criteria: Any) -> bool:
    body = {"indexStartTimestamp": moment, "sha256": [sample.sha256], **criteria}
    return bool(bank.data(bank.post(SEARCH, body, user)))


@pytest.mark.parametrize("criteria", [{}, {"customer": ["mill"]}, {"tlp": ["amber"]}])
def test_the_window_tells_nothing_of_what_others_do(bank: Bank, criteria: dict[str, Any]) -> None:
    sample = Sample()
    moment = later(bank.submit(sample, "mia")["submittedTimestamp"])
    bank.submit(sample, "quinn")
    bank.analyse(sample, "w", customer="quarry", tlp="red")

    assert not is_active_since(bank, sample, moment, "mia", **criteria)
    assert is_active_since(bank, sample, moment, "quinn")
    assert is_active_since(bank, sample, moment, "chief")


def test_the_window_knows_all_that_the_caller_sees(bank: Bank) -> None:
    sample = Sample()
    moment = later(bank.submit(sample, "mia")["submittedTimestamp"])
    assert not is_active_since(bank, sample, moment, "mia")

    bank.analyse(sample, "w", customer="mill")

    assert is_active_since(bank, sample, moment, "mia")


def both_customers(bank: Bank, **hidden: Any) -> Sample:
    """A sample that quinn and hana submitted. hana's submission has the fields in `hidden`."""
    sample = Sample()
    bank.submit(sample, "quinn")
    bank.submit(sample, "hana", **hidden)
    return sample


@pytest.mark.parametrize(
    "criteria",
    [
        {"submission": [{"fileName": ["{secret}"]}]},
        {"submission": [{"metaData": [{"path": "k", "value": ["{secret}"]}]}]},
        {"submission": [{"metaData": [{"value": ["{secret}"]}]}]},
        {"submission": [{"fileName": ["{secret}"], "required": True}]},
        {"analysis": [{"userAgent": [{"name": ["{secret}"]}]}]},
        {"analysis": [{"analysisResult": [{"path": "made", "value": ["{secret}"]}]}]},
        {"keywords": ["{secret}"]},
        {"subCriteria": [{"submission": [{"fileName": ["{secret}"]}]}]},
    ],
)
def test_nothing_invisible_is_matched(bank: Bank, criteria: dict[str, Any]) -> None:
    secret = name_of("secret")
    sample = both_customers(bank, fileName=secret, metaData={"k": secret})
    bank.analyse(sample, secret, customer="harbour", analysisResult={"made": secret})
    asked = {"sha256": [sample.sha256], **_filled(criteria, secret)}

    assert (find(bank, "quinn", **asked), find(bank, "hana", **asked)) == ([], [sample.sha256])


def _filled(value: Any, secret: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, secret) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, secret) for inner in value]
    return value.format(secret=secret) if isinstance(value, str) else value


def test_excluding_what_is_invisible_reveals_nothing(bank: Bank) -> None:
    secret = name_of("secret")
    sample = both_customers(bank, fileName=secret)
    exclusion = {"submission": [{"fileName": [secret], "exclude": True}], "sha256": [sample.sha256]}

    assert (find(bank, "quinn", **exclusion), find(bank, "hana", **exclusion)) == ([sample.sha256], [])


def test_times_of_invisible_submissions_are_not_matched(bank: Bank) -> None:
    sample = both_customers(bank, observedTimestamp="2001-02-03T04:05:06Z")
    day = {
        "startTimestamp": "2001-02-03T00:00:00Z",
        "endTimestamp": "2001-02-04T00:00:00Z",
        "sha256": [sample.sha256],
    }

    found = [find(bank, user, timeFieldStrategy=["submissionObserved"], **day) for user in ("quinn", "hana")]

    assert found == [[], [sample.sha256]]


def test_the_times_of_a_sample_are_those_of_submissions_that_the_caller_sees(bank: Bank) -> None:
    sample = Sample()
    bank.submit(sample, "hana", observedTimestamp=1_000)
    bank.submit(sample, "quinn", observedTimestamp=2_000)
    bank.submit(sample, "hana", observedTimestamp=3_000, fileName=name_of("again"))

    seen = bank.data(bank.get(sample.path, "quinn"))

    assert (seen["firstObservedTimestamp"], seen["lastObservedTimestamp"]) == (2_000, 2_000)


@pytest.mark.parametrize(("field", "for_quinn"), [("firstSubmitted", True), ("lastSubmitted", False)])
def test_the_first_and_last_submission_are_those_that_the_caller_sees(
    bank: Bank, field: str, *, for_quinn: bool
) -> None:
    sample = Sample()
    bank.submit(sample, "hana")
    mine = bank.submit(sample, "quinn")["submittedTimestamp"]
    later = bank.submit(sample, "quinn", userAgent={"name": "other", "version": "1"})["submittedTimestamp"]
    span = {"startTimestamp": mine, "endTimestamp": max(mine + 1, later), "timeFieldStrategy": [field]}

    found = find(bank, "quinn", sha256=[sample.sha256], **span)

    assert bool(found) is for_quinn


def test_a_search_needs_the_permission(bank: Bank) -> None:
    assert (look(bank, "uploader").status_code, look(bank, "viewer").status_code) == (403, 200)


# -- criteria on measured facts


def test_verdict_criteria_look_at_the_latest_verdict(bank: Bank) -> None:
    sample = bank.submitted()
    body = {"statusOverride": "malicious", "comment": name_of("why")}
    bank.data(bank.post(f"{sample.path}/verdict", body, CHIEF))
    bank.data(bank.post(f"{sample.path}/verdict", {**body, "statusOverride": "benign"}, CHIEF))

    scores = [{"minimumScore": 100}, {"maximumScore": 0, "includeFlags": ["manual"]}]
    found = [find(bank, sha256=[sample.sha256], verdict=[score]) for score in scores]

    assert found == [[], [sample.sha256]]


def test_a_criterion_that_asks_for_nothing_finds_samples_that_have_such_a_row(bank: Bank) -> None:
    bare, analysed = bank.submitted(), bank.submitted()
    bank.analyse(analysed, "scanner")

    found = find(bank, sha256=[bare.sha256, analysed.sha256], analysis=[{}])

    assert found == [analysed.sha256]


def test_all_user_fields_must_match_where_all_are_demanded(bank: Bank) -> None:
    sample = bank.submitted()
    bank.analyse(sample, "scanner")
    asked = {
        "sha256": [sample.sha256],
        "userFieldStrategy": ["submittedByUser", "analysedByUser"],
        "userMatchStrategy": "all",
    }

    for_one = bank.post(SEARCH, {**asked, "user": ["mia"]}).json()
    for_both = bank.post(SEARCH, {**asked, "user": ["mia", "robot"]}).json()

    assert (for_one["count"], for_both["count"]) == (0, 1)
