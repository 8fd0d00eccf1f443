"""The habits of HTTP programs: HEAD, OPTIONS, forms, encodings, blanks and accents."""

import gzip
import http.client
import socket
import unicodedata
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import pytest

from kit.bank import ROBOT, V2, Bank, Sample, eventually, fields_of, name_of
from kit.service import Service


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_what_is_open_can_be_asked_for_its_headers(bank: Bank, path: str) -> None:
    got = bank.get(path, user=None)

    head = bank.call("HEAD", path, None)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("what", ["", "/raw", "/safe", "/submission?limit=0", "/verdict"])
def test_head_has_the_headers_of_get(bank: Bank, what: str) -> None:
    sample = bank.submitted()
    assert eventually(lambda: "latestClassification" in bank.data(bank.get(sample.path)))
    got = bank.get(sample.path + what)

    head = bank.call("HEAD", sample.path + what)

    passing = {"date", "x-request-id", "transfer-encoding"}
    assert (head.status_code, head.content) == (200, b"")
    assert {name.lower(): value for name, value in head.headers.items() if name.lower() not in passing} == {
        name.lower(): value for name, value in got.headers.items() if name.lower() not in passing
    }


def test_head_is_refused_like_get(bank: Bank) -> None:
    statuses = {
        "no key": bank.call("HEAD", f"{V2}/job", None).status_code,
        "no role": bank.call("HEAD", f"{V2}/job", "nobody").status_code,
        "nothing": bank.call("HEAD", Sample().path).status_code,
        "no get": bank.call("HEAD", f"{V2}/job/search").status_code,
    }

    assert statuses == {"no key": 401, "no role": 403, "nothing": 404, "no get": 405}


def test_a_connection_goes_on_after_head(bank: Bank) -> None:
    sample = bank.submitted()
    connection = http.client.HTTPConnection(urlsplit(bank.url).netloc)
    answers = []

    for method in ("HEAD", "GET", "HEAD", "GET"):
        connection.request(method, f"{sample.path}/raw", headers={"Argus-API-Key": bank.keys["chief"]})
        answers.append(connection.getresponse().read())

    connection.close()
    assert answers == [b"", sample.data, b"", sample.data]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/healthz", "GET, HEAD, OPTIONS"),
        (f"{V2}/sample", "GET, HEAD, OPTIONS, POST"),
        (f"{V2}/job/search", "OPTIONS, POST"),
        pytest.param(Sample().path, "DELETE, GET, HEAD, OPTIONS", id="sample"),
        ("/samples", "GET, HEAD, OPTIONS"),
        ("/submit", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options_tells_the_methods_of_a_path_to_anybody(bank: Bank, path: str, methods: str) -> None:
    told = bank.call("OPTIONS", path, None)
    refused = bank.call("PATCH", path, None)

    assert (told.status_code, told.headers["Allow"], told.content) == (204, methods, b"")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == set(methods.split(", "))


def test_options_of_no_path_finds_nothing(bank: Bank) -> None:
    assert bank.call("OPTIONS", "/no/such/path", None).status_code == 404


def test_a_form_with_the_file_in_it_is_no_sample(bank: Bank) -> None:
    refused = bank.call("POST", f"{V2}/sample", "mia", files={"file": ("a.bin", b"what is meant")})

    assert refused.status_code == 415
    assert "--data-binary @FILE" in refused.json()["messages"][0]["message"]


def test_a_form_is_no_evidence(bank: Bank) -> None:
    sample = bank.submitted()
    analysis = bank.analyse(sample, "w", 1)
    path = f"{sample.path}/analysis/{analysis}/evidence/a.txt"

    refused = bank.call("POST", path, ROBOT, files={"file": ("a.bin", b"what is meant")})

    assert refused.status_code == 415


@pytest.mark.parametrize("size", [1, 5, 3000])
def test_bytes_that_are_called_a_form_and_are_none_are_a_sample(bank: Bank, size: int) -> None:
    sample = Sample(size)
    headers = {"Content-Type": "multipart/form-data; boundary=a-long-boundary"}

    stored = bank.call("POST", f"{V2}/sample", "mia", data=sample.data, headers=headers)

    assert bank.data(stored)["sample"]["id"] == sample.sha256


@pytest.mark.parametrize("path", ["/sample", "/job/search"])
def test_an_encoded_body_is_refused(bank: Bank, path: str) -> None:
    body = gzip.compress(b'{"limit": 1}')

    refused = bank.call("POST", V2 + path, data=body, headers={"Content-Encoding": "gzip"})
    plain = bank.call("POST", f"{V2}/job/search", data=b"{}", headers={"Content-Encoding": "identity"})

    assert (refused.status_code, plain.status_code) == (415, 200)


@pytest.mark.parametrize("limit", ["1e3", "1.0", "1_0", "+1", " 1", "0x1", "\u0661", ""])
def test_a_number_that_is_not_written_in_digits_is_refused(bank: Bank, limit: str) -> None:
    refused = bank.get(f"{V2}/job", limit=limit)

    assert (refused.status_code, fields_of(refused)) == (412, {"limit"})


@pytest.mark.parametrize("name", ["Argus-API-Key", "Host"])
def test_of_two_keys_or_hosts_none_counts(bank: Bank, name: str) -> None:
    address = urlsplit(bank.url).netloc
    connection = http.client.HTTPConnection(address)
    connection.putrequest("GET", f"{V2}/job", skip_host=True)
    for given, value in (("Host", address), ("Argus-API-Key", bank.keys["chief"])):
        for _ in range(2 if given == name else 1):
            connection.putheader(given, value)
    connection.endheaders()

    status = connection.getresponse().status

    connection.close()
    assert status == 400


def test_no_answer_may_be_kept_between(bank: Bank) -> None:
    sample = bank.submitted()

    answers = [
        bank.get(sample.path),
        bank.get(f"{sample.path}/submission", limit=0),
        bank.get(Sample().path),
        bank.get(f"{V2}/job", user=None),
        bank.get("/metrics", user=None),
        bank.get(f"{V2}/worker/static/schema"),
        bank.call("OPTIONS", f"{V2}/job", user=None),
    ]

    assert [answer.headers.get("Cache-Control") for answer in answers] == ["no-store"] * 7


def test_a_lease_that_is_none_is_refused_and_not_left_out(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    _, job, tasks = bank.planned(worker)

    refused = bank.call(
        "PUT",
        f"{V2}/job/{job}/task/{tasks[worker]}",
        ROBOT,
        json={"state": "executing"},
        headers={"Samplebank-Lease": "not-a-uuid"},
    )

    assert (refused.status_code, fields_of(refused)) == (412, {"Samplebank-Lease"})
    assert bank.task(job, tasks[worker])["state"] == "enqueued"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" ", "\t"),
        ('"', '"'),
        ("'", "',\r\n"),
        ("\ufeff", ""),
        ("sha256:", ""),
        ("SHA-256 = ", ";"),
        ("<", ">"),
    ],
)
def test_a_hash_may_be_pasted_in_capitals_with_what_stood_around(bank: Bank, before: str, after: str) -> None:
    sample = bank.submitted()
    pasted = f"{before}{sample.sha256.upper()}{after}"

    found = [
        bank.data(bank.get(f"{V2}/sample/{quote(pasted, safe='')}"))["sha256"],
        bank.data(bank.post(f"{V2}/sample/search", {"sha256": [pasted]}))[0]["sha256"],
        bank.data(bank.post(f"{V2}/submission/search", {"sampleSha256": [pasted]}))[0]["sampleSha256"],
        bank.data(bank.get(f"{V2}/sample", keywords=pasted))[0]["sha256"],
    ]

    assert found == [sample.sha256] * 4
    assert bank.post(f"{V2}/job/search", {"sampleSha256": [pasted]}).status_code == 200


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_written(
    bank: Bank, stored: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"]
) -> None:
    name = f"Re\u0301sume\u0301 Mu\u0308ller {name_of('x')}.doc"
    sample = bank.submitted(fileName=unicodedata.normalize(stored, name))
    wanted = unicodedata.normalize(asked, name)

    found = [
        bank.data(bank.get(f"{V2}/submission", keywords=f"  {wanted.upper()} "))[0]["sampleSha256"],
        bank.data(bank.post(f"{V2}/sample/search", {"keywords": [wanted]}))[0]["sha256"],
        bank.data(bank.post(f"{V2}/submission/search", {"fileName": [wanted]}))[0]["sampleSha256"],
        bank.data(bank.post(f"{V2}/submission/search", {"keywords": [wanted]}))[0]["sampleSha256"],
    ]

    assert found == [sample.sha256] * 4


@pytest.mark.parametrize(
    "name",
    [
        "\uf900\uf901\uf902.doc",
        "\u0958\u093c\u0932-\u0958.pdf",
        "\xe9clair-e\u0301clair.exe",
        "K\u212aelvin.exe",
    ],
    ids=["compatibility", "excluded", "mixed", "sign"],
)
def test_a_name_in_no_form_of_unicode_is_found_as_stored(bank: Bank, name: str) -> None:
    name = name.replace(".", f"{name_of('x')}.")
    sample = bank.submitted(fileName=name)

    found = [
        bank.data(bank.post(f"{V2}/{kind}/search", {field: [name]}))
        for kind, field in [("sample", "keywords"), ("submission", "keywords"), ("submission", "fileName")]
    ]
    like = bank.data(bank.get("/samplebank/v1/query/samples", q=f'name:"{name}"'))

    assert [len(rows) for rows in [*found, like]] == [1] * 4
    assert found[0][0]["sha256"] == sample.sha256


def test_a_keyword_of_blanks_is_none(bank: Bank) -> None:
    refused = bank.get(f"{V2}/sample", keywords="  a   ")

    assert (refused.status_code, fields_of(refused)) == (412, {"keywords[0]"})


def test_json_may_begin_with_a_byte_order_mark(bank: Bank) -> None:
    found = bank.call("POST", f"{V2}/job/search", data=b'\xef\xbb\xbf{"limit": 1}')

    assert bank.data(found) is not None


@pytest.mark.parametrize("form", [{"files": {"file": b"x"}}, {"data": {"limit": "1"}}])
@pytest.mark.parametrize("path", ["/job/search", "/worker", "/servicetask/reindex"])
def test_a_form_in_place_of_json_is_told_what_to_send(bank: Bank, path: str, form: dict[str, Any]) -> None:
    refused = bank.call("POST", V2 + path, **form)

    assert refused.status_code == 415
    assert "send a JSON object" in refused.json()["messages"][0]["message"]


def test_json_that_is_called_a_form_is_json(bank: Bank) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert bank.call("POST", f"{V2}/job/search", data=b'{"limit": 1}', headers=headers).ok


@pytest.mark.parametrize("target", ["*", "foo", "http://example.org"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_target_that_is_no_path_is_refused_and_no_failure(
    bank: Bank, service: Service, method: str, target: str
) -> None:
    before = service.log.stat().st_size
    place = urlsplit(bank.url)

    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as line:
        line.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert 200 <= int(answer.split()[1]) < 500
    assert b"Traceback" not in service.log.read_bytes()[before:]


@pytest.mark.parametrize(
    "encoding", ["gzip, chunked", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked"]
)
def test_a_body_with_another_transfer_encoding_is_no_sample(bank: Bank, encoding: str) -> None:
    body = gzip.compress(b"text " * 100)
    place = urlsplit(bank.url)
    head = (
        f"POST /samplebank/v1/sample?fileName=te HTTP/1.1\r\nHost: x\r\nArgus-API-Key: {bank.keys['mia']}\r\n"
        f"Transfer-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    )

    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as line:
        line.sendall(head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert answer.split()[1] == b"415"
    assert b"Transfer-Encoding" in answer


@pytest.mark.parametrize("name", ["%fe", "%ff", "%ed%a0%80", "a%c3"])
def test_a_name_that_is_no_utf_8_is_refused_by_its_parameter(bank: Bank, name: str) -> None:
    refused = bank.call("POST", f"/samplebank/v1/sample?fileName={name}", "mia", data=Sample().data)

    assert (refused.status_code, fields_of(refused)) == (412, {"fileName"})


def test_a_name_in_utf_8_may_come_without_percent_signs(bank: Bank) -> None:
    name, sample = f"{name_of('été')}.exe", Sample()
    place = urlsplit(bank.url)
    head = (
        f"POST /samplebank/v1/sample?fileName={name} HTTP/1.1\r\nHost: x\r\nArgus-API-Key: {bank.keys['mia']}\r\n"
        f"Content-Length: {len(sample.data)}\r\nConnection: close\r\n\r\n"
    )

    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as line:
        line.sendall(head.encode() + sample.data)
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert answer.split()[1] == b"201"
    assert name.encode() in answer
