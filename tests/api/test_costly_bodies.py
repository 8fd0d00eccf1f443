"""Bodies and schemas that are made to cost much: each gets a short answer within a short time."""

import http.client
import json
import subprocess
import sys
import weakref
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from kit.bank import ROBOT, V2, Bank, fields_of, name_of
from samplebank.api.jobs import JobSearchRequest
from samplebank.errors import Invalid
from samplebank.http.validation import MOST_HUGE, Document

KIB = 1024
#: memory that the dearest body may take
MOST_MEMORY = 100 * KIB
#: reads a body, and prints by how many KiB the process has grown meanwhile at most
GROWTH = """
import resource, sys
from samplebank.api.jobs import JobSearchRequest
from samplebank.errors import Invalid
from samplebank.http.validation import Document

def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def read(body):
    try:
        Document(body, JobSearchRequest).read(0)
    except Invalid as refused:
        return refused

body = sys.stdin.buffer.read()
assert read(b'{"state": [[]]}')
before = most()
assert read(body)
print(most() - before)
"""
BY_PATH = {
    "lists in a list": b'{"state": [' + b"[]," * 200_000 + b"[]]}",
    "objects 190 deep": b'{"state": [' + b",".join([b'{"a":' * 190 + b"1" + b"}" * 190] * 500) + b"]}",
    "fields that there are not": b"{" + b",".join(b'"f%d": 1' % number for number in range(60_000)) + b"}",
    "numbers of thousands of digits": b'{"customer": [' + b",".join([b"9" * 4_000] * 200) + b"]}",
}


@pytest.mark.parametrize("body", BY_PATH.values(), ids=BY_PATH)
def test_a_body_of_mistakes_is_told_a_hundred_of_them(bank: Bank, body: bytes) -> None:
    refused = bank.call("POST", f"{V2}/job/search", data=body)

    assert refused.status_code == 412
    assert 1 <= len(refused.json()["messages"]) <= 101
    assert len(refused.content) < 128 * KIB


def test_a_body_of_mistakes_takes_little_memory() -> None:
    body = b'{"state": [' + b"[]," * 300_000 + b"[]]}"

    done = subprocess.run(
        [sys.executable, "-c", GROWTH], input=body, capture_output=True, check=True, timeout=60
    )

    assert int(done.stdout) < MOST_MEMORY


@pytest.mark.parametrize("body", [b'{"state": [[]]}', b'{"state": 1}', b'{"limit": "\\u0000"}', b'{"a": 1}'])
def test_a_refused_body_is_gone_with_its_answer(body: bytes) -> None:
    """Not when all objects are looked through for rings, which is seldom."""
    document = Document(body, JobSearchRequest)
    gone = weakref.ref(document)
    refused = False

    try:
        document.read(0)
    except Invalid:
        refused = True
    del document

    assert refused
    assert gone() is None


def test_a_search_of_more_than_a_mebibyte_is_too_large(bank: Bank) -> None:
    body = b'{"customer": ["' + b"x" * KIB * KIB + b'"]}'

    assert bank.call("POST", f"{V2}/job/search", data=body).status_code == 413


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        (("Content-Length", str(2 * KIB * KIB)), b""),
        (("Transfer-Encoding", "chunked"), b"10001\r\n" + b" " * 0x10001 + b"\r\n"),
    ],
    ids=["announced", "on its way"],
)
def test_a_body_that_is_too_large_is_refused_before_its_end(
    bank: Bank, header: tuple[str, str], sent: bytes
) -> None:
    with closing(http.client.HTTPConnection(urlsplit(bank.url).netloc, timeout=60)) as line:
        line.putrequest("POST", f"{V2}/job/search")
        line.putheader("Argus-API-Key", bank.keys[ROBOT])
        line.putheader(*header)
        line.endheaders(sent * 16)

        assert line.getresponse().status == 413


def test_a_mistake_behind_the_first_hundred_items_is_told_with_its_place(bank: Bank) -> None:
    body = {"state": ["done"] * 500 + ["never"]}

    refused = bank.post(f"{V2}/job/search", body)

    assert (refused.status_code, fields_of(refused)) == (412, {"state[500]"})


def test_a_list_that_is_too_long_is_told_beside_all_else(bank: Bank) -> None:
    refused = bank.post(f"{V2}/job/search", {"state": ["done"] * 1001, "limit": -1, "nonsense": 1})

    assert fields_of(refused) == {"state", "limit", "nonsense"}


LONG = "x" * 10_001
RULE = {
    "name": "long",
    "match": {"customer": {"customerOrGroup": ["mill-south"]}},
    "action": {"options": {"remove": ["nothing"]}},
}
TEXTS = {"localizedNames": {"english": "long"}, "localizedDescriptions": {"english": "long"}}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("policy/default/rule", {**RULE, "description": LONG}, "description"),
        (
            "worker",
            {**TEXTS, "shortName": "long", "localizedNames": {"english": LONG}},
            "localizedNames.english",
        ),
        (
            "worker",
            {**TEXTS, "shortName": "long", "localizedDescriptions": {"english": LONG}},
            "localizedDescriptions.english",
        ),
    ],
)
def test_a_text_that_stands_in_lists_for_all_is_not_of_any_length(
    bank: Bank, path: str, body: dict[str, Any], field: str
) -> None:
    refused = bank.post(f"{V2}/{path}", body)

    assert (refused.status_code, fields_of(refused)) == (412, {field})


def test_a_relative_time_of_very_many_steps_is_none(bank: Bank) -> None:
    steps = {"few": "now" + " - 1 s" * 64, "many": "now" + "-1s" * 65, "endless": "now" + "-1s" * 100_000}

    answers = {
        name: bank.post(f"{V2}/job/search", {"startTimestamp": text}).status_code
        for name, text in steps.items()
    }

    assert answers == {"few": 200, "many": 412, "endless": 412}


def test_a_nul_is_told_however_much_there_is_beside_it(bank: Bank) -> None:
    body = b'{"state": [' + b"[]," * 100_000 + b'"\\u0000"]}'

    refused = bank.call("POST", f"{V2}/job/search", data=body)

    assert refused.status_code == 412
    assert "NUL" in refused.json()["messages"][0]["message"]


def test_metadata_of_more_than_64_kib_are_refused_by_name(bank: Bank) -> None:
    body = {
        "challengeToken": {"id": "00000000-0000-0000-0000-000000000000", "sha256": "0" * 64},
        "fileName": "a", "userAgent": {"name": "n", "version": "1"}, "metaData": {"a": "x" * 65 * KIB},
    }  # fmt: skip
    sample = bank.submitted()

    refused = bank.post(f"{sample.path}/submission", body, "mia")

    assert (refused.status_code, fields_of(refused)) == (412, {"metaData"})


def test_what_an_analysis_brings_is_bounded_by_name(bank: Bank) -> None:
    sample = bank.submitted()
    body = {
        "analysisResult": {}, "analysisScore": 1, "customer": "mill", "tlp": "amber",
        "userAgent": {"name": "n", "version": "1"},
        "tags": [{"type": "family", "value": str(number)} for number in range(1001)],
        "triggeredDetections": [{"name": "d", "assessment": "benign"}] * 1001,
    }  # fmt: skip

    refused = bank.post(f"{sample.path}/analysis", body, "robot")

    assert (refused.status_code, fields_of(refused)) == (412, {"tags", "triggeredDetections"})


def test_a_result_of_more_than_a_mebibyte_is_refused_by_name(bank: Bank) -> None:
    sample = bank.submitted()
    body = {
        "analysisResult": {"text": "x" * KIB * KIB}, "analysisScore": 1, "customer": "mill", "tlp": "amber",
        "userAgent": {"name": "n", "version": "1"},
    }  # fmt: skip

    refused = bank.post(f"{sample.path}/analysis", body, "robot")

    assert (refused.status_code, fields_of(refused)) == (412, {"analysisResult"})


def any_of_any_of(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"anyOf": [schema, schema]}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        any_of_any_of(12),
        {"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]},
        {"$ref": "#"},
    ],
    ids=["nested", "recursive in two ways", "a ring"],
)
def test_a_schema_that_takes_too_much_to_check_is_refused(bank: Bank, schema: dict[str, Any]) -> None:
    text = {"english": "x"}
    body = {
        "shortName": name_of("w"),
        "localizedNames": text,
        "localizedDescriptions": text,
        "schema": schema,
    }

    refused = bank.post(f"{V2}/worker", body)

    assert (refused.status_code, fields_of(refused)) == (412, {"schema"})
    assert "takes too much to check" in refused.json()["messages"][0]["message"]


def test_a_large_result_that_does_not_fit_is_refused_without_its_every_mistake(bank: Bank) -> None:
    worker = bank.worker(schema={"additionalProperties": {"type": "array", "items": {"type": "string"}}})
    sample = bank.submitted()
    body = {
        "analysisResult": {"list": [1] * 100_000}, "analysisScore": 1, "customer": "mill", "tlp": "amber",
        "userAgent": {"name": worker["shortName"], "version": "1"},
    }  # fmt: skip

    refused = bank.call("POST", f"{sample.path}/analysis", "robot", data=json.dumps(body).encode())

    assert (refused.status_code, fields_of(refused)) == (412, {"analysisResult"})


@pytest.mark.parametrize("number", ["1e300", "1e-300", "-1.5E+300"])
def test_a_result_of_numbers_that_become_long_is_refused(bank: Bank, number: str) -> None:
    body = analysis_of("[" + ",".join([number] * 4_000) + "]")

    refused = bank.call("POST", f"{bank.submitted().path}/analysis", ROBOT, data=body)

    assert (refused.status_code, fields_of(refused)) == (412, {"analysisResult"})
    assert "written out" in refused.json()["messages"][0]["message"]


@pytest.mark.parametrize("number", ["1e300", "-1.5E+300", "5e-324"])
def test_a_body_of_more_far_numbers_than_anybody_measures_is_refused(bank: Bank, number: str) -> None:
    numbers = ",".join([number] * (MOST_HUGE + 1))

    for path in (f"{V2}/job/search", f"{bank.submitted().path}/analysis"):
        refused = bank.call("POST", path, ROBOT, data=f'{{"customer": [{numbers}]}}')

        assert refused.status_code == 412
        assert "send such numbers as texts" in refused.json()["messages"][0]["message"]


@pytest.mark.parametrize("result", ['{"largest": 1.7976931348623157e308}', "[" + '"1e300",' * 20_000 + "1]"])
def test_a_result_with_few_long_numbers_or_many_texts_like_numbers_is_stored(bank: Bank, result: str) -> None:
    stored = bank.call("POST", f"{bank.submitted().path}/analysis", ROBOT, data=analysis_of(result))

    assert stored.status_code == 201, stored.text
    assert stored.json(parse_int=float)["data"]["analysisResult"] == json.loads(result, parse_int=float)


def analysis_of(result: str) -> str:
    about = {
        "analysisScore": 1,
        "customer": "mill",
        "tlp": "amber",
        "userAgent": {"name": "w", "version": "1"},
    }
    return json.dumps(about)[:-1] + f', "analysisResult": {result}}}'
