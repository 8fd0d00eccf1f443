"""What goes wrong ends on a page that says so, with the right status, and leaves nothing half done."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from bench.databases import connected
from drill.pages import fields_of_forms

from kit.bank import V2, Bank, Sample, eventually, name_of
from kit.service import Service, running
from kit.users import USERS
from kit.visitor import Visitor
from samplebank.web.app import ROUTES
from web.conftest import Visitors
from web.hostile import HOSTILE
from web.sending import names_in, send, send_form
from web.walking import NOTHING, walk

LARGEST = 100_000
#: those who see no jobs, and whose first page so says nothing of arrivals
BLIND = {"nobody", "uploader", "toiler"}
#: the most bytes of a page about a sample with the longest of all names
MOST_BYTES = 150_000
#: forms whose fields are not read, and the form that takes any text that is pasted
ANY_TEXT = {"/logout", "/find"}
FORMS = sorted({path for route in ROUTES if "POST" in route.http_methods for path in route.paths} - ANY_TEXT)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes small samples only."""
    with running(tmp_path_factory.mktemp("small"), {"SAMPLEBANK_MAX_SAMPLE_SIZE": str(LARGEST)}) as service:
        yield service


@pytest.fixture
def mia(small: Service) -> Visitor:
    return Visitor(small.url).sign_in(small.keys["mia"])


def is_stored(service: Service, sample: Sample) -> bool:
    return Bank(service.url, service.keys).get(sample.path).status_code == 200


def staged(service: Service) -> list[Path]:
    return list((service.blobs / "staging").iterdir())


def break_off(visitor: Visitor, path: str, media_type: str, begin: bytes) -> None:
    """Announce a body, send its beginning, and hang up."""
    parts = urlsplit(visitor.url)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookies}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(begin) + 1000}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as line:
        line.sendall(head.encode() + begin)


@pytest.mark.parametrize("user", USERS)
def test_where_nothing_has_arrived_each_role_has_its_pages(small: Service, user: str) -> None:
    """First of all tests here: the service is empty."""
    found = walk(Visitor(small.url).sign_in(small.keys[user]), NOTHING)

    assert {link: status for link, status in found.links.items() if status != 200} == {}
    assert not [path for path, shown in found.pages.items() if not shown.all("h1, #facets")]
    assert ("Nothing has arrived yet" in found.pages["/"].text()) is (user not in BLIND)


def test_no_form_breaks_at_a_text_that_the_database_cannot_hold(visitor: Visitors) -> None:
    chief, sent = visitor("chief"), dict.fromkeys(fields_of_forms(), "a\0b")

    answers = {path: chief.post(re.sub(r"\{\w+:\w+\}", "mill", path), sent).status for path in FORMS}

    assert {path: status for path, status in answers.items() if not 400 <= status < 500} == {}


def test_a_file_that_is_too_large_is_refused_in_words_and_not_kept(small: Service, mia: Visitor) -> None:
    sample = Sample(LARGEST + 1)

    answer = send(mia, sample)

    assert answer.status_code == 413
    assert f"larger than {LARGEST} bytes" in answer.json()["messages"][0]["message"]
    assert not is_stored(small, sample)
    assert staged(small) == []


def test_a_form_names_the_file_that_is_too_large_and_stores_the_others(small: Service, mia: Visitor) -> None:
    fitting, large, last = Sample(), Sample(3 * LARGEST), Sample()

    shown = send_form(mia, ("a.exe", fitting.data), ("large.exe", large.data), ("b.exe", last.data))

    assert shown.status == 400
    (told,) = [node.text() for node in shown.all("li") if "large.exe" in node.text()]
    assert f"larger than {LARGEST} bytes" in told
    assert [is_stored(small, one) for one in (fitting, large, last)] == [True, False, True]
    assert staged(small) == []


def test_a_file_that_breaks_off_leaves_nothing(small: Service, mia: Visitor) -> None:
    begin = Sample(50_000)

    break_off(mia, f"/submit/file?fileName={name_of('a')}", "application/octet-stream", begin.data)

    assert eventually(lambda: staged(small) == [])
    assert not is_stored(small, begin)


def test_a_form_that_breaks_off_keeps_the_files_that_came_whole(small: Service, mia: Visitor) -> None:
    whole, begin, batch = Sample(), Sample(50_000), str(uuid4())
    part = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = part.format("batch", "").encode() + batch.encode() + b"\r\n"
    body += part.format("file", '; filename="whole.exe"').encode() + whole.data + b"\r\n"
    body += part.format("file", '; filename="begun.exe"').encode() + begin.data

    break_off(mia, "/submit", "multipart/form-data; boundary=x", body)

    assert eventually(lambda: is_stored(small, whole))
    assert eventually(lambda: staged(small) == [])
    assert not is_stored(small, begin)
    assert names_in(mia.get(f"/batch/{batch}")) == {"whole.exe"}


async def test_a_session_that_is_over_leads_to_signing_in_and_changes_nothing(small: Service) -> None:
    mia, sample = Visitor(small.url).sign_in(small.keys["mia"]), Sample()
    async with connected(small.database_url) as db:
        await db.execute("UPDATE browser_session SET end_time = 1")
    assert eventually(lambda: mia.get("/jobs", follow=False).status == 303)

    refused = send_form(mia, ("a.exe", sample.data))

    assert refused.status == 401
    assert "your session has ended: sign in" in refused.text()
    assert any(link.endswith("login?next=%2Fsubmit") for link in refused.links())
    assert not is_stored(small, sample)


def test_a_result_that_no_longer_fits_the_schema_of_its_worker_is_shown(
    bank: Bank, visitor: Visitors
) -> None:
    worker, sample = bank.worker(), bank.submitted("mia")
    bank.analyse(sample, worker["shortName"], analysisResult={"packer": ["UPX", {"level": 9}], "parts": 7})
    schema = {"properties": {"packer": {"title": "Packed by", "type": "string"}, "parts": {"items": {}}}}
    bank.data(bank.put(f"{V2}/worker/{worker['id']}", {"schema": schema}))

    shown = visitor("mia").get(f"/sample/{sample.sha256}/findings")

    assert shown.status == 200
    assert "Packed by" in shown.text()
    assert {"UPX", "level", "9", "7"} <= {*shown.text().split()}


@pytest.fixture(scope="module")
def named(bank: Bank) -> dict[str, str]:
    """The paths of pages that show a sample with a name of 4,096 hostile characters."""
    word, batch = name_of("lure").replace("-", ""), str(uuid4())
    name = f"{word} {HOSTILE * 40}"[:4096]
    worker = bank.worker()["shortName"]
    sample = Sample()
    bank.submit(sample, "mia", fileName=name, metaData={**bank.plan(worker), "batch": batch})
    (job,) = bank.jobs_of(sample)
    views = ("", "/findings", "/bytes", "/strings", "/sightings", "/relations", "/history")
    pages = {view or "sample": f"/sample/{sample.sha256}{view}" for view in views}
    return {**pages, "samples": f"/samples?q={word}", "batch": f"/batch/{batch}", "job": f"/job/{job['id']}"}


@pytest.mark.parametrize(
    "page",
    ["sample", "/findings", "/bytes", "/strings", "/sightings", "/relations", "/history", "samples", "batch", "job"],
)  # fmt: skip
def test_a_name_of_4096_hostile_characters_is_shown_within_bounds(
    visitor: Visitors, named: dict[str, str], page: str
) -> None:
    shown = visitor("mia").get(named[page])

    assert shown.status == 200
    assert "lure" in shown.text("bdi")
    assert len(shown.response.content) < MOST_BYTES
    assert not {"\u202e", "\u200b", "\x1b"} & {*shown.html}
    assert not shown.all("svg[onload], script:not([src])")
