"""Bad input gets a clear refusal that names every field at fault, and nothing is half done."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from kit.bank import ROBOT, V2, Bank, Sample, fields_of, name_of


def test_all_violations_come_at_once(bank: Bank) -> None:
    sample = bank.submitted()
    body = {
        "analysisScore": 101,
        "tlp": "purple",
        "customer": "mill",
        "userAgent": {"name": "a b"},
        "nonsense": 1,
    }

    refused = bank.post(f"{sample.path}/analysis", body, "robot")

    assert refused.status_code == 412
    assert fields_of(refused) == {
        "analysisScore", "tlp", "userAgent.name", "userAgent.version", "analysisResult", "nonsense",
    }  # fmt: skip


def test_a_long_value_does_not_hide_what_is_wrong_with_it(bank: Bank) -> None:
    path = f"/samplebank/v1/sample/{bank.submitted().sha256}/notes"

    (message,) = bank.post(path, {"text": "x" * 30_000}).json()["messages"]

    assert message["field"] == "text"
    assert message["message"].endswith('xxx" is longer than 10000 characters.')


def test_a_value_that_is_not_in_a_list_is_refused_with_the_whole_list(bank: Bank) -> None:
    (message,) = bank.get(f"{V2}/sample", sortBy="-size").json()["messages"]

    said, _, listed = message["message"].partition(" is not one of ")
    assert (message["field"], said) == ("sortBy[0]", '"-size"')
    assert {"sampleSize", "-sampleSize", "-lastAddedLink"} < set(listed.removesuffix(".").split(", "))


def test_violations_come_in_the_order_of_their_fields(bank: Bank) -> None:
    """Every process of the service says the same, and the same each time."""
    wrong = {
        "user": 7,
        "state": 7,
        "rootTask": ["x"],
        "parentTask": ["x"],
        "operation": 7,
        "correlationID": ["x"],
    }

    answers = {bank.post(f"{V2}/servicetask/search", wrong).text for _ in range(8)}

    (told,) = answers
    fields = [message["field"] for message in json.loads(told)["messages"]]
    assert fields == sorted(fields)
    assert len(fields) == len(wrong)


def test_several_wrong_times_and_names_come_at_once(bank: Bank) -> None:
    sample = Sample()
    body = bank.submission_body(
        bank.token(sample),
        observedTimestamp="yesterday",
        retention="now - 1 day",
        acl=["ghost"],
        customer="ghost",
    )

    refused = bank.post(f"{sample.path}/submission", body, "mia")

    assert fields_of(refused) == {"observedTimestamp", "retention", "acl[0]", "customer"}


def test_an_answer_to_a_challenge_that_is_no_digest_hides_no_mistake_beside(bank: Bank) -> None:
    sample = Sample()
    token = {**bank.token(sample), "sha256": "no digest"}

    refused = bank.post(f"{sample.path}/submission", bank.submission_body(token, tlp="red"), "mia")

    assert fields_of(refused) == {"challengeToken.sha256", "tlp"}


def test_an_entry_of_metadata_that_is_null_counts_as_not_given(bank: Bank) -> None:
    sample = Sample()
    body = bank.submission_body(bank.token(sample), metaData={"from": "mail", "subject": None})

    stored = bank.post(f"{sample.path}/submission", body, "mia")

    assert stored.status_code == 201, stored.text
    assert stored.json()["data"]["metaData"] == {"from": "mail"}


def test_an_entry_of_metadata_that_is_null_hides_no_mistake_beside(bank: Bank) -> None:
    sample = Sample()
    body = bank.submission_body(bank.token(sample), metaData={"size": 7, "subject": None})

    refused = bank.post(f"{sample.path}/submission", body, "mia")

    assert fields_of(refused) == {"metaData.size"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/job/search", {"limit": None, "offset": None, "timeMatchStrategy": None}),
        ("/submission/search", {"subCriteria": [{"exclude": None, "keywordMatchStrategy": None}]}),
        ("/submission/statistics", {"groupBy": [{"field": "customer", "limit": None}]}),
    ],
)
def test_a_field_that_is_null_has_its_default(bank: Bank, path: str, body: dict[str, Any]) -> None:
    answered = bank.post(V2 + path, body)

    assert answered.status_code == 200, answered.text


def test_a_submission_with_fields_that_are_null_has_their_defaults(bank: Bank) -> None:
    sample = Sample()
    body = bank.submission_body(bank.token(sample), tlp=None, mimeType=None)

    stored = bank.data(bank.post(f"{sample.path}/submission", body, "mia"))

    assert (stored["tlp"], stored["mimeType"]) == ("amber", "application/octet-stream")


def test_a_result_keeps_its_nulls_where_a_field_beside_is_null(bank: Bank) -> None:
    sample = bank.submitted()

    bank.analyse(sample, "w", analysisResult={"a": None}, executedWithInternetAccess=None)

    (stored,) = bank.data(bank.get(f"{sample.path}/analysis", ROBOT))
    assert stored["analysisResult"] == {"a": None}


def test_a_field_that_is_null_hides_no_mistake_beside(bank: Bank) -> None:
    refused = bank.post(f"{V2}/job/search", {"limit": None, "state": [None], "offset": -1})

    assert fields_of(refused) == {"state[0]", "offset"}


def test_a_result_that_is_null_is_no_mistake_beside_a_mistake(bank: Bank) -> None:
    sample = bank.submitted()
    body = {
        "analysisResult": None, "analysisScore": 101, "customer": "mill", "tlp": "amber",
        "userAgent": {"name": "w", "version": "1"},
    }  # fmt: skip

    refused = bank.post(f"{sample.path}/analysis", body, ROBOT)

    assert fields_of(refused) == {"analysisScore"}


@pytest.mark.parametrize("half", ["\\ud83d", "\\udcff", "\\ud83d\\u0041"])
def test_half_of_a_surrogate_pair_is_named(bank: Bank, half: str) -> None:
    refused = bank.call("POST", f"{V2}/job/search", data=f'{{"customer": ["\\ud83d\\ude00 {half}"]}}')

    assert refused.status_code == 400
    assert f"{half[:6]} is half of a surrogate pair" in refused.json()["messages"][0]["message"]


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "0" * 5_000])
def test_a_number_of_thousands_of_digits_in_a_query_is_refused(bank: Bank, number: str) -> None:
    refused = bank.get(f"{V2}/job", limit=number)

    assert (refused.status_code, fields_of(refused)) == (412, {"limit"})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/samplebank/v1/audit", "key"),
        ("/samplebank/v1/audit", "sortBy"),
        ("/samplebank/v1/receipts", "correlationID"),
    ],
)
@pytest.mark.parametrize("word", ["null", "NULL"])
def test_a_filter_by_the_word_null_does_not_find_everything(
    bank: Bank, path: str, name: str, word: str
) -> None:
    refused = bank.get(path, **{name: word})

    assert (refused.status_code, fields_of(refused)) == (412, {name})


def test_a_text_may_be_the_word_null(bank: Bank) -> None:
    sample = bank.submitted(fileName="null")

    found = bank.data(bank.get(f"{V2}/submission", keywords="null", limit=100))

    assert sample.sha256 in {row["sampleSha256"] for row in found}


@pytest.mark.parametrize("value", ["1", "12"])
def test_an_entry_of_metadata_given_twice_is_refused(bank: Bank, value: str) -> None:
    query = f"fileName=a&meta.case={value}&meta.case={value}"

    refused = bank.call("POST", f"/samplebank/v1/sample?{query}", "mia", data=b"bytes")

    assert (refused.status_code, fields_of(refused)) == (412, {"meta.case"})


def test_a_session_takes_no_parameters(bank: Bank) -> None:
    refused = bank.get("/authentication/v1/session", keyID="1")

    assert (refused.status_code, fields_of(refused)) == (412, {"keyID"})


def test_a_text_of_digits_is_no_mistake_beside_a_mistake(bank: Bank) -> None:
    said = {"fileName": "9" * 5_000, "mimeType": "true", "customer": "7" * 9, "tlp": "blue"}

    refused = bank.call("POST", "/samplebank/v1/sample", "mia", data=b"bytes", params=said)

    assert fields_of(refused) == {"fileName", "tlp"}
    assert "longer than" in refused.json()["messages"][0]["message"]


def test_a_refused_submission_does_not_use_its_challenge_up(bank: Bank) -> None:
    sample = Sample()
    token = bank.token(sample)
    bank.post(f"{sample.path}/submission", bank.submission_body(token, tlp="red"), "mia")

    stored = bank.post(f"{sample.path}/submission", bank.submission_body(token), "mia")

    assert stored.status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"limit": 1,}', 400),
        ("[]", 412),
        ("null", 412),
        ('"text"', 412),
        ('{"state": ["\\ud800"]}', 400),
        ('{"customer": ["a\\u0000b"]}', 412),
        ('{"limit": 1e400}', 400),
        ('{"limit": 99999999999999999999999999}', 412),
        ('{"customer": [99999999999999999999999999]}', 412),
        ("[" * 100_000, 412),
        ('{"state": ' + "[" * 300 + "]" * 300 + "}", 412),
        ('{"offset": 2147483648}', 412),
    ],
)
def test_a_hostile_body_is_refused(bank: Bank, body: str, status: int) -> None:
    refused = bank.call("POST", f"{V2}/job/search", data=body, headers={"Content-Type": "application/json"})

    assert refused.status_code == status, refused.text[:300]
    assert refused.json()["messages"]


def test_bytes_that_are_not_utf_8_are_malformed(bank: Bank) -> None:
    assert bank.call("POST", f"{V2}/job/search", data=b'{"customer": ["\xff"]}').status_code == 400


@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=10001", "limit=many", "limit=1&limit=2", "offset=%00", "state=", "staet=done"],
)
def test_a_bad_query_is_refused_by_name(bank: Bank, query: str) -> None:
    refused = bank.get(f"{V2}/job?{query}")

    assert refused.status_code == 412
    assert query.split("=", maxsplit=1)[0] in {field.split("[")[0] for field in fields_of(refused)}


def test_a_number_with_a_zero_in_front_is_refused_in_the_words_for_what_is_no_number(bank: Bank) -> None:
    (message,) = bank.get(f"{V2}/job?limit=05").json()["messages"]

    assert (message["field"], message["message"]) == ("limit", '"05" is not of type "integer".')


def test_a_parameter_that_comes_twice_hides_no_mistake_beside(bank: Bank) -> None:
    refused = bank.get(f"{V2}/job?limit=5&limit=6&offset=7&offset=x&state=lost&nonsense=1")

    assert refused.status_code == 412
    assert fields_of(refused) == {"limit", "offset", "state[0]", "nonsense"}


def test_a_nul_in_a_query_is_refused_by_its_parameter(bank: Bank) -> None:
    name = {"fileName": "invoice\0.exe"}

    refused = bank.call("POST", "/samplebank/v1/sample", "mia", data=Sample().data, params=name)

    assert (refused.status_code, fields_of(refused)) == (412, {"fileName"})


def test_a_result_nested_too_deep_is_refused(bank: Bank) -> None:
    sample = bank.submitted()
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    body = {
        "analysisResult": deep, "analysisScore": 0, "customer": "mill", "tlp": "amber",
        "userAgent": {"name": "n", "version": "1"},
    }  # fmt: skip

    assert bank.post(f"{sample.path}/analysis", body, "robot").status_code == 412


def test_a_body_over_the_limit_is_too_large(bank: Bank) -> None:
    body = b'{"customer": ["' + b"x" * (17 * 1024 * 1024) + b'"]}'

    assert bank.call("POST", f"{V2}/job/search", data=body).status_code == 413


def test_a_schema_that_is_none_is_refused(bank: Bank) -> None:
    text = {"english": "x"}
    body = {
        "shortName": name_of("w"), "localizedNames": text, "localizedDescriptions": text,
        "schema": {"type": "no-such-type"},
    }  # fmt: skip

    refused = bank.post(f"{V2}/worker", body)

    assert (refused.status_code, fields_of(refused)) == (412, {"schema"})


def test_all_that_is_wrong_with_a_worker_comes_at_once(bank: Bank) -> None:
    wrong = {
        "shortName": "", "localizedNames": {}, "localizedDescriptions": {"english": "x", "german": "x"},
        "schema": {"type": "no-such-type"},
    }  # fmt: skip
    fields = {"shortName", "localizedNames", "localizedDescriptions.german", "schema"}
    known = bank.worker()

    refused = [bank.post(f"{V2}/worker", wrong), bank.put(f"{V2}/worker/{known['id']}", wrong)]

    assert [(answer.status_code, fields_of(answer)) for answer in refused] == [(412, fields)] * 2


def test_a_schema_that_refers_elsewhere_is_refused_and_not_fetched(bank: Bank) -> None:
    text = {"english": "x"}
    body = {
        "shortName": name_of("w"), "localizedNames": text, "localizedDescriptions": text,
        "schema": {"$ref": "http://127.0.0.1:9/schema.json"},
    }  # fmt: skip

    refused = bank.post(f"{V2}/worker", body)

    assert (refused.status_code, fields_of(refused)) == (412, {"schema"})


def test_the_same_worker_can_be_registered_again(bank: Bank) -> None:
    first = bank.worker()
    text = {"english": first["shortName"]}
    body = {"shortName": first["shortName"], "localizedNames": text, "localizedDescriptions": text}

    again = bank.post(f"{V2}/worker", body)

    assert (again.status_code, again.json()["data"]["id"]) == (200, first["id"])


@pytest.mark.parametrize("name", ["nonsense", "%00", "é", "..%2f..", "a" * 5000, "' or 1=1 --"])
@pytest.mark.parametrize("path", ["/job/{}", "/worker/{}", "/sample/{}", "/policy/default/rule/{}"])
def test_a_bad_name_in_the_path_is_not_there(bank: Bank, path: str, name: str) -> None:
    assert bank.get(V2 + path.format(name)).status_code == 404


def test_a_worker_cannot_be_named_like_an_id(bank: Bank) -> None:
    known = bank.worker()
    texts = {"localizedNames": {"english": "x"}, "localizedDescriptions": {"english": "x"}}

    refused = [
        bank.post("/sampledb/v2/worker", {"shortName": known["id"], **texts}),
        bank.put(f"/sampledb/v2/worker/{known['id']}", {"shortName": str(uuid4())}),
    ]

    assert [(answer.status_code, fields_of(answer)) for answer in refused] == [(412, {"shortName"})] * 2


def test_a_malformed_body_is_told_before_a_wrong_query(bank: Bank) -> None:
    paths = bank.call("GET", "/openapi.json").json()["paths"]
    calls = [
        (method.upper(), re.sub("{[^}]*}", str(uuid4()), path))
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]

    statuses = {call: bank.call(*call, data=b"{", params={"odd": "1"}).status_code for call in calls}

    assert statuses == dict.fromkeys(statuses, 400)
    assert len(statuses) > 25


@pytest.mark.parametrize("kind", ["worker", "policy/default/rule"])
def test_what_is_not_there_is_told_before_a_wrong_query(bank: Bank, kind: str) -> None:
    assert bank.call("DELETE", f"{V2}/{kind}/{uuid4()}?odd=1").status_code == 404


def test_a_deletion_with_a_wrong_query_deletes_nothing(bank: Bank) -> None:
    worker = bank.worker()

    refused = bank.call("DELETE", f"{V2}/worker/{worker['id']}?odd=1")

    assert refused.status_code == 412
    assert bank.data(bank.get(f"{V2}/worker/{worker['id']}"))["flags"] == []
