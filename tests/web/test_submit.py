"""Submitting on pages: each file is stored once with its job, by script and by form, and its batch shows what became of it."""

from typing import Any
from uuid import uuid4

import pytest
from bench.databases import connected

from kit.bank import ROBOT, Bank, Sample, name_of
from kit.service import Service
from kit.visitor import SAME_ORIGIN, Visitor
from samplebank.web.pages.batch import MOST
from samplebank.web.pages.submit import MOST_TOLD
from web.conftest import Visitors
from web.sending import COPIES, names_in, send, send_form


def submissions_of(bank: Bank, sample: Sample) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bank.data(bank.get(f"{sample.path}/submission"))
    return found


def test_a_file_of_the_page_is_stored_with_its_job(bank: Bank, visitor: Visitors) -> None:
    sample, worker = Sample(), bank.worker()["shortName"]
    plan = {f"meta.{key}": value for key, value in bank.plan(worker).items()}

    answer = send(visitor("mia"), sample, **plan)

    assert answer.status_code == 201, answer.text
    assert bank.tasks_of(answer.json()["data"]["jobID"]).keys() == {worker}


def test_who_sits_before_the_page_does_not_wait_behind_sensors(bank: Bank, visitor: Visitors) -> None:
    sample, worker = Sample(), bank.worker()["shortName"]
    plan = bank.plan(worker)
    bank.submit(metaData=plan)

    send(visitor("mia"), sample, **{f"meta.{key}": value for key, value in plan.items()})

    assert bank.claim(worker)[0]["sample"]["id"] == sample.sha256


def test_a_repeat_under_the_same_key_stores_nothing_twice(bank: Bank, visitor: Visitors) -> None:
    sample, said = Sample(), {"fileName": name_of("file"), "meta.batch": str(uuid4())}
    key = str(uuid4())

    first = send(visitor("mia"), sample, key, **said)
    again = send(visitor("mia"), sample, key, **said)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert len(submissions_of(bank, sample)) == 1


def test_a_customer_of_others_is_refused_in_words(bank: Bank, visitor: Visitors) -> None:
    sample = Sample()

    answer = send(visitor("mia"), sample, customer="quarry")

    assert answer.status_code == 403
    assert "customer" in answer.json()["messages"][0]["message"]
    assert bank.get(sample.path).status_code == 404


def test_an_empty_file_is_refused_in_words(visitor: Visitors) -> None:
    answer = send(visitor("mia"), Sample(data=b""))

    assert answer.status_code == 412
    assert "empty" in answer.json()["messages"][0]["message"]


def test_a_batch_shows_its_files_with_verdicts(bank: Bank, visitor: Visitors) -> None:
    sample, worker, batch = Sample(), bank.worker()["shortName"], str(uuid4())
    plan = {f"meta.{key}": value for key, value in bank.plan(worker).items()}
    name = name_of("file")
    job = send(visitor("mia"), sample, fileName=name, **plan, **{"meta.batch": batch}).json()["data"]["jobID"]
    analysis = bank.analyse(sample, worker, 99)
    bank.update(job, bank.tasks_of(job)[worker], "success", user=ROBOT, analyses=[analysis])

    shown = visitor("mia").get(f"/batch/{batch}")

    assert names_in(shown) == {name}
    assert "malicious" in shown.text("#files .verdict")
    assert "done" in shown.text("#files .state")
    assert worker in shown.text("#files .task")


async def test_the_form_says_that_older_files_of_a_large_batch_are_in_the_batch(
    service: Service, visitor: Visitors
) -> None:
    sample, batch, mia = Sample(), str(uuid4()), visitor("mia")
    send(mia, sample, **{"meta.batch": batch})
    few = mia.get(f"/submit?batch={batch}")

    async with connected(service.database_url) as db:
        await db.execute(COPIES, bytes.fromhex(sample.sha256), MOST)
    shown = mia.get(f"/submit?batch={batch}")

    assert "are shown" not in few.text("#files")
    assert f"The newest {MOST} files are shown." in shown.text("#files")
    link = str(shown.all("#files > p a")[0].attributes["href"])
    assert mia.get(f"/{link.removeprefix('./')}").text("h1") == f"Batch {MOST + 1} files"


def test_a_batch_says_when_a_file_was_seen_before(bank: Bank, visitor: Visitors) -> None:
    sample, batch = bank.submitted("mia"), str(uuid4())
    send(visitor("mia"), sample, **{"meta.batch": batch})

    assert "last seen" in visitor("mia").get(f"/batch/{batch}").text("#files")


def known_to(visitor: Visitor, *samples: Sample) -> dict[str, str]:
    query = "&".join(f"sha256={sample.sha256}" for sample in samples)
    told: dict[str, str] = visitor.get(f"/submit/known?{query}").response.json()
    return told


def test_a_file_is_known_with_its_verdict(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted("mia")
    bank.data(bank.post(f"{sample.path}/verdict", {"statusOverride": "malicious", "comment": "a lure"}))

    (told,) = known_to(visitor("mia"), sample, Sample()).values()

    assert told.startswith("known, last seen")
    assert told.endswith("ago: malicious")


def test_a_file_of_others_is_as_unknown_as_one_that_is_new(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted("quinn", tlp="amber")

    assert known_to(visitor("mia"), sample, Sample()) == {}
    assert known_to(visitor("quinn"), sample).keys() == {sample.sha256}


def test_asking_for_a_hash_opens_nothing(bank: Bank, visitor: Visitors) -> None:
    sample, mia = bank.submitted("quinn"), visitor("mia")
    known_to(mia, sample)

    assert mia.get(f"/sample/{sample.sha256}").status == 404


@pytest.mark.parametrize("query", ["sha256=x", f"sha256={'0' * 65}", f"sha256={'G' * 64}"])
def test_what_is_no_hash_is_refused(visitor: Visitors, query: str) -> None:
    shown = visitor("mia").get(f"/submit/known?{query}")

    assert shown.status == 400
    assert "sha256[0]" in shown.text()


def test_who_only_sends_files_is_told_of_own_files_alone(bank: Bank, visitor: Visitors) -> None:
    sample, batch = bank.submitted("mia", tlp="clear"), str(uuid4())
    uploader = visitor("uploader")

    send(uploader, sample, **{"meta.batch": batch})

    assert "new" in uploader.get(f"/batch/{batch}").text("#files td:last-child")
    assert uploader.get(f"/submit/known?sha256={sample.sha256}").status == 403
    assert not uploader.get("/submit").all("form[data-known]")


def test_who_only_sends_files_sees_them_in_the_batch(visitor: Visitors) -> None:
    batch, name = str(uuid4()), name_of("file")
    send(visitor("uploader"), Sample(), fileName=name, **{"meta.batch": batch})

    shown = visitor("uploader").get(f"/batch/{batch}")

    assert names_in(shown) == {name}
    assert not shown.all("#files a")


def test_the_form_offers_the_customers_that_the_visitor_may_submit_for(visitor: Visitors) -> None:
    offered = [node.text() for node in visitor("mia").get("/submit").all("select[name=customer] option")]

    assert offered == ["mill", "mill-dock", "mill-north", "mill-south"]


def test_a_form_stores_every_file_and_leads_to_the_batch(bank: Bank, visitor: Visitors) -> None:
    first, second, batch = Sample(), Sample(size=3_000_000), str(uuid4())
    fields = {
        "batch": batch,
        "customer": "mill-north",
        "tlp": "green",
        "meta": "case=2024-17\n",
        "retention": "7 days",
    }

    shown = send_form(visitor("mia"), ("a.exe", first.data), ("b.exe", second.data), **fields)

    (stored,) = submissions_of(bank, second)
    assert shown.response.url.endswith(f"/batch/{batch}")
    assert names_in(shown) == {"a.exe", "b.exe"}
    assert (stored["customer"]["shortName"], stored["tlp"]) == ("mill-north", "green")
    assert stored["metaData"] == {"case": "2024-17", "batch": batch}
    assert stored["expiryTimestamp"] > stored["submittedTimestamp"]


def test_a_form_sent_again_stores_nothing_twice(bank: Bank, visitor: Visitors) -> None:
    sample, fields = Sample(), {"batch": str(uuid4())}

    send_form(visitor("mia"), ("a.exe", sample.data), **fields)
    again = send_form(visitor("mia"), ("a.exe", sample.data), **fields)

    assert again.status == 200
    assert len(submissions_of(bank, sample)) == 1


def test_a_form_tells_of_each_file_that_was_not_stored(bank: Bank, visitor: Visitors) -> None:
    sample = Sample()

    shown = send_form(visitor("mia"), ("empty.exe", b""), ("a.exe", sample.data))

    assert shown.status == 400
    assert "empty.exe" in shown.text("li")
    assert len(submissions_of(bank, sample)) == 1


def test_a_form_counts_the_files_that_were_not_stored_and_are_not_told(visitor: Visitors) -> None:
    empty = [(name_of("empty"), b"")] * (MOST_TOLD + 3)

    shown = send_form(visitor("mia"), *empty)

    assert len(shown.all("main li")) == MOST_TOLD + 1
    assert shown.all("main li")[-1].text().startswith("3 more mistakes are not shown here.")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"meta": "no pair"}, "key=value"),
        ({"meta": "a=1\na=2"}, "two lines"),
        ({"meta": "a=1\nbatch=x"}, "Choose another key"),
        ({"retention": "for ever"}, "retention"),
        ({"tlp": "red"}, "TLP"),
        ({"customer": "nobody"}, "customer"),
    ],
)
def test_a_mistake_of_the_form_is_told_and_nothing_is_stored(
    bank: Bank, visitor: Visitors, fields: dict[str, str], told: str
) -> None:
    sample = Sample()

    shown = send_form(visitor("mia"), ("a.exe", sample.data), **fields)

    assert shown.status == 400
    assert told in shown.text()
    assert bank.get(sample.path).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbroken off', 400),
        (b"no form at all", 400),
        (b'--x\r\nContent-Disposition: form-data; name="tlp"\r\n\r\namber\r\n--x--\r\n', 400),
    ],
    ids=["broken off", "no form", "no file"],
)
def test_a_form_that_is_none_is_refused(visitor: Visitors, body: bytes, status: int) -> None:
    headers = {**SAME_ORIGIN, "Content-Type": "multipart/form-data; boundary=x"}

    assert visitor("mia").post("/submit", body, headers=headers).status == status


def test_a_field_behind_the_files_is_refused(visitor: Visitors) -> None:
    files = [("file", ("a.exe", Sample().data)), ("tlp", (None, "green"))]

    assert visitor("mia").post("/submit", files=files).status == 400


def test_the_fields_of_a_form_with_files_are_small_together(bank: Bank, visitor: Visitors) -> None:
    sample = Sample()
    fields = dict.fromkeys(("one", "two"), "a" * 40_000)

    shown = send_form(visitor("mia"), ("a.exe", sample.data), **fields)

    assert shown.status == 413
    assert bank.get(sample.path).status_code == 404
