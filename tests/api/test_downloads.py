"""Downloads: the bytes of samples, whole, in parts, and in an archive."""

import io
import time
from collections.abc import Callable

import pytest
import pyzipper
import requests

from hunts.hunting import begun, claimed, mark, marked, path_of, rules_for
from kit.bank import ROBOT, Bank, Sample, later
from kit.service import Service
from samplebank.api.app import ROUTES

#: the operations that answer bytes which somebody uploaded
BYTES = sorted(
    route.opt["operation"].id
    for route in ROUTES
    if "operation" in route.opt
    and not route.opt["operation"].media_type.startswith(("application/json", "text/plain"))
)


def evidence_of(bank: Bank, sample: Sample) -> str:
    """Store evidence of the sample; the path of the evidence."""
    analysis = bank.analyse(sample, bank.worker()["shortName"])
    place = f"{sample.path}/analysis/{analysis}/evidence"
    stored = bank.data(bank.call("POST", f"{place}/e.html", ROBOT, data=b"<script>alert(1)</script>"))
    return f"{place}/{stored['id']}"


def test_a_raw_download_is_a_file_to_keep_and_never_shown(bank: Bank) -> None:
    sample = bank.submitted()

    response = bank.get(f"{sample.path}/raw", "mia")

    assert response.content == sample.data
    assert response.headers["Content-Length"] == str(len(sample.data))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{sample.sha256}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Accept-Ranges"] == "bytes"


def a_batch(bank: Bank) -> requests.Response:
    """The samples of a batch of a hunt."""
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    marked(bank, wanted)
    batch = claimed(bank, begun(bank, rules_for(wanted), since=since))
    lease = {"Samplebank-Lease": batch["leaseToken"]}
    return bank.call("GET", f"{path_of(batch)}/content", "chief", headers=lease)


DOWNLOADS: dict[str, Callable[[Bank], requests.Response]] = {
    "downloadRawSample": lambda bank: bank.get(f"{bank.submitted().path}/raw"),
    "downloadSafeSample": lambda bank: bank.get(f"{bank.submitted().path}/safe"),
    "downloadHuntBatch": a_batch,
    "getEvidenceData": lambda bank: bank.get(f"{evidence_of(bank, bank.submitted())}/download"),
}


@pytest.mark.parametrize("operation", BYTES)
def test_no_browser_keeps_or_shows_bytes_and_no_other_site_loads_them(bank: Bank, operation: str) -> None:
    told = DOWNLOADS[operation](bank).headers

    assert told["Cache-Control"] == "no-store, no-transform"
    assert told["Cross-Origin-Resource-Policy"] == "same-origin"
    assert told["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Content-Disposition"].startswith("attachment; ")


def test_a_part_of_the_bytes_is_not_kept_either(bank: Bank) -> None:
    sample = bank.submitted()

    told = bank.call("GET", f"{sample.path}/raw", "mia", headers={"Range": "bytes=0-9"}).headers

    assert told["Cache-Control"] == "no-store, no-transform"
    assert told["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=4990-", 4990, 4999),
        ("bytes=-7", 4993, 4999),
        ("bytes=-99999", 0, 4999),
        ("bytes=4000-99999", 4000, 4999),
    ],
)
def test_a_range_is_answered_by_exactly_its_bytes(bank: Bank, asked: str, first: int, last: int) -> None:
    sample = bank.submitted()

    response = bank.call("GET", f"{sample.path}/raw", "mia", headers={"Range": asked})

    assert response.status_code == 206
    assert response.content == sample.data[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/5000"
    assert response.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=5000-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_outside_of_the_sample_is_refused(bank: Bank, asked: str) -> None:
    sample = bank.submitted()

    response = bank.call("GET", f"{sample.path}/raw", "mia", headers={"Range": asked})

    assert response.status_code == 416
    assert response.json()["responseCode"] == 416
    assert response.headers["Content-Range"] == "bytes */5000"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=" + "9" * 30 + "-"]
)
def test_what_is_no_single_range_is_answered_by_all_of_the_bytes(bank: Bank, asked: str) -> None:
    sample = bank.submitted()

    response = bank.call("GET", f"{sample.path}/raw", "mia", headers={"Range": asked})

    assert (response.status_code, response.content) == (200, sample.data)


def test_a_range_of_other_bytes_than_the_downloader_has_is_answered_by_all(bank: Bank) -> None:
    sample = bank.submitted()
    headers = {"Range": "bytes=0-9", "If-Range": '"something else"'}

    response = bank.call("GET", f"{sample.path}/raw", "mia", headers=headers)

    assert (response.status_code, response.content) == (200, sample.data)


def etag_of(sample: Sample) -> str:
    return f'"{sample.sha256}"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_the_bytes_of_a_sample_gets_304_without_them(bank: Bank, method: str, known: str) -> None:
    sample = bank.submitted()
    headers = {"If-None-Match": known.format(etag_of(sample)), "Range": "bytes=0-9"}

    response = bank.call(method, f"{sample.path}/raw", "mia", headers=headers)

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == etag_of(sample)
    assert response.headers["Cache-Control"] == "no-store, no-transform"


@pytest.mark.parametrize("known", ['"other"', "{0}", "", '"{0}0"'])
def test_who_has_other_bytes_than_those_of_a_sample_gets_the_bytes(bank: Bank, known: str) -> None:
    sample = bank.submitted()

    response = bank.call(
        "GET", f"{sample.path}/raw", "mia", headers={"If-None-Match": known.format(sample.sha256)}
    )

    assert (response.status_code, response.content) == (200, sample.data)


def test_who_may_not_see_a_sample_learns_nothing_by_its_etag(bank: Bank) -> None:
    sample, unknown = bank.submitted("mia", tlp="amber"), Sample()

    answers = [
        bank.call("GET", f"{one.path}/raw", "quinn", headers={"If-None-Match": etag_of(one)})
        for one in (sample, unknown)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_connection_goes_on_after_304(bank: Bank) -> None:
    sample = bank.submitted()
    headers = {"If-None-Match": etag_of(sample), "Argus-API-Key": bank.keys["mia"]}

    with requests.Session() as session:
        statuses = [
            session.get(f"{bank.url}{sample.path}/raw", headers=headers).status_code for _ in range(3)
        ]

    assert statuses == [304, 304, 304]


def test_a_safe_download_opens_with_the_password_of_the_trade(bank: Bank) -> None:
    sample = bank.submitted()

    response = bank.get(f"{sample.path}/safe", "mia")

    with pyzipper.AESZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == [sample.sha256]
        assert archive.read(sample.sha256, pwd=b"infected") == sample.data
    assert sample.data[:64] not in response.content


def test_the_length_of_a_safe_download_is_known_before_it_is_made(bank: Bank) -> None:
    sample = Sample(1_000_003)
    bank.submit(sample)

    response = bank.get(f"{sample.path}/safe", "mia")

    assert response.headers["Content-Length"] == str(len(response.content))
    assert response.headers["Content-Type"] == "application/zip"


@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_bytes_of_a_sample_of_another_customer_are_not_there(bank: Bank, kind: str) -> None:
    sample = bank.submitted("hana")

    refused = bank.get(f"{sample.path}/{kind}", "mia")

    assert refused.status_code == 404
    assert refused.json() == {**bank.get(f"{Sample().path}/{kind}", "mia").json()}


@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_lost_bytes_are_told_before_the_answer_begins(bank: Bank, service: Service, kind: str) -> None:
    sample = bank.submitted()
    (service.blobs / "sample" / sample.sha256[:2] / sample.sha256).unlink()

    refused = bank.get(f"{sample.path}/{kind}", "mia")

    assert refused.status_code == 404
    assert refused.json()["messages"][0]["message"] == "The bytes of this file are no longer stored."
