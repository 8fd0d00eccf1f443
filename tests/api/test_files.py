"""A file in one request: the same rules, refusals and statuses as an upload and a submission, and nothing half done."""

from typing import Any

import pytest
import requests

from kit.bank import AGENT, V2, Bank, Sample, eventually, fields_of, name_of, together
from kit.policy_rules import AddRule
from samplebank.database import Database

FILE = "/samplebank/v1/sample"


def send(bank: Bank, sample: Sample, **said: Any) -> requests.Response:
    """Send a file. `user` and `headers` concern the request, and everything else is said in the query."""
    user, headers = said.pop("user", "mia"), said.pop("headers", None)
    parameters = {"fileName": name_of("file"), **said}
    return bank.call("POST", FILE, user, data=sample.data, params=parameters, headers=headers)


def submissions_of(bank: Bank, sample: Sample) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bank.data(bank.get(f"{sample.path}/submission", limit=0))
    return found


def test_one_request_stores_sample_submission_and_job(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    ((key, value),) = bank.plan(worker).items()
    sample = Sample()

    answer = send(bank, sample, **{f"meta.{key}": value})

    told = answer.json()["data"]
    assert (answer.status_code, told["sampleSha256"]) == (201, sample.sha256)
    assert bank.call("GET", f"{sample.path}/raw").content == sample.data
    assert [submission["id"] for submission in submissions_of(bank, sample)] == [told["id"]]
    assert [job["id"] for job in bank.jobs_of(sample)] == [told["jobID"]]
    assert bank.tasks_of(told["jobID"]).keys() == {worker}


def test_the_query_says_what_a_submission_says(bank: Bank) -> None:
    said = {"mimeType": "text/plain", "tlp": "green", "acl": ["viewer"], "customer": "mill"}
    times = {"observedTimestamp": "2024-05-01T12:00:00Z", "retention": "now + 1 week"}
    agent = {"userAgent.name": "trusted-agent", "userAgent.version": "2"}
    sample = Sample()

    answer = send(bank, sample, fileName="a.txt", **said, **times, **agent, **{"meta.a.b": "c", "meta.": "d"})

    (stored,) = submissions_of(bank, sample)
    assert (stored["fileName"], stored["mimeType"], stored["tlp"]) == ("a.txt", "text/plain", "green")
    assert [entry["subject"]["shortName"] for entry in stored["acl"]] == ["viewer"]
    assert stored["userAgent"] == {"name": "trusted-agent", "version": "2"}
    assert (stored["metaData"], stored["flags"]) == ({"a.b": "c", "": "d"}, ["trustedAgent"])
    assert stored["observedTimestamp"] == 1714564800000
    assert {**answer.json()["data"], "jobID": None} == {**stored, "jobID": None}


def test_the_user_agent_is_that_of_the_header_unless_the_query_names_another(bank: Bank) -> None:
    answer = send(bank, Sample(), headers={"User-Agent": "gateway/1.2 (linux)"})

    assert answer.json()["data"]["userAgent"] == {"name": "gateway", "version": "1.2"}


def test_the_policy_may_want_no_worker(bank: Bank) -> None:
    ((key, value),) = bank.plan(*bank.workers(1)).items()
    everything = bank.data(bank.get(f"{V2}/policy/default"))["workers"]
    rule = {
        "name": name_of("none"),
        "description": "",
        "match": {"submission": {"metaDataKey": [f"{key}-none"], "metaDataValue": [value]}},
        "action": {"workers": {"remove": [w["shortName"] for w in everything] or bank.workers(1)}},
    }
    bank.data(bank.post(f"{V2}/policy/default/rule", rule))

    answer = send(bank, Sample(), **{f"meta.{key}-none": value})

    assert (answer.status_code, "jobID" in answer.json()["data"]) == (201, False)


def test_a_similar_submission_answers_220_and_stores_nothing(bank: Bank) -> None:
    sample = Sample()
    send(bank, sample, fileName="same")

    similar = send(bank, sample, fileName="same")

    assert (similar.status_code, similar.json()["data"]) == (220, {"sampleSha256": sample.sha256})
    assert len(submissions_of(bank, sample)) == 1


def test_a_similar_file_of_another_uploader_of_the_customer_is_noted_as_uploaded(bank: Bank) -> None:
    sample = Sample()
    send(bank, sample, user="chief", fileName="same", customer="mill")

    similar = send(bank, sample, user="mia", fileName="same")

    assert similar.status_code == 220


def test_one_request_and_two_requests_count_as_similar(bank: Bank) -> None:
    sample = Sample()
    bank.submit(sample, fileName="same")
    agent = {f"userAgent.{name}": value for name, value in AGENT.items()}

    similar = send(bank, sample, fileName="same", **agent)

    assert similar.status_code == 220


def test_a_second_file_joins_the_unfinished_job(bank: Bank) -> None:
    ((key, value),) = bank.plan(*bank.workers(1)).items()
    sample = Sample()
    first = send(bank, sample, **{f"meta.{key}": value})

    second = send(bank, sample, headers={"Idempotency-Key": name_of("key")}, **{f"meta.{key}": value})

    assert second.json()["data"]["jobID"] == first.json()["data"]["jobID"]
    assert len(submissions_of(bank, sample)) == 2


def test_a_deleted_sample_comes_back(bank: Bank) -> None:
    sample = Sample()
    send(bank, sample)
    bank.data(bank.delete(sample.path))
    assert eventually(lambda: bank.get(f"{sample.path}/raw").status_code == 404)

    assert eventually(lambda: send(bank, sample).status_code == 201)

    assert bank.call("GET", f"{sample.path}/raw").content == sample.data
    assert len(submissions_of(bank, sample)) == 1


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"fileName": None}, {"fileName"}),
        ({"fileName": ""}, {"fileName"}),
        ({"filename": "a", "colour": "red"}, {"filename", "colour"}),
        ({"meta": "a"}, {"meta"}),
        ({"meta.a": ["b", "c"]}, {"meta.a"}),
        ({"meta.a": "\x00"}, {"meta.a"}),
        ({"userAgent.name": "a b"}, {"userAgent.name"}),
        ({"tlp": "red", "customer": "nowhere", "acl": ["nobody-knows"]}, {"tlp", "customer", "acl[0]"}),
        ({"retention": "now - 1 day", "observedTimestamp": "soon"}, {"observedTimestamp", "retention"}),
        ({"fileName": None, "tlp": "red", "retention": "soon"}, {"fileName", "retention"}),
    ],
)
def test_bad_input_is_named_and_nothing_is_stored(bank: Bank, said: dict[str, Any], fields: set[str]) -> None:
    sample = Sample()

    refused = send(bank, sample, **said)

    assert (refused.status_code, fields_of(refused)) == (412, fields)
    assert bank.post(f"{sample.path}/challenge", user="mia").status_code == 404


def test_a_body_without_bytes_is_refused_as_by_an_upload(bank: Bank) -> None:
    nothing = Sample(data=b"")

    refused = send(bank, nothing)

    upload = bank.upload(nothing)
    assert (refused.status_code, refused.json()["messages"]) == (412, upload.json()["messages"])


def test_a_form_is_refused(bank: Bank) -> None:
    refused = bank.call("POST", FILE, "mia", files={"file": b"bytes"}, params={"fileName": "a"})

    assert refused.status_code == 415


def test_a_customer_of_others_is_refused_and_the_bytes_are_not_kept(bank: Bank) -> None:
    sample = Sample()

    refused = send(bank, sample, user="mia", customer="harbour")

    assert refused.status_code == 403
    assert bank.post(f"{sample.path}/challenge", user="mia").status_code == 404


def test_the_same_new_file_from_many_at_once_is_one_sample_with_one_job(bank: Bank) -> None:
    ((key, value),) = bank.plan(*bank.workers(1)).items()
    sample = Sample()

    answers = together([lambda: send(bank, sample, **{f"meta.{key}": value}) for _ in range(12)])

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["jobID"] for answer in answers}) == 1
    assert len(submissions_of(bank, sample)) == 12


def test_a_change_of_the_policy_holds_from_the_next_file_on(bank: Bank) -> None:
    send(bank, Sample())
    (worker,) = bank.workers(1)
    ((key, value),) = bank.plan(worker).items()

    answer = send(bank, Sample(), **{f"meta.{key}": value})

    assert bank.tasks_of(answer.json()["data"]["jobID"]).keys() == {worker}


def test_where_the_policy_looks_at_types_the_file_gets_the_workers_of_its_type(
    bank: Bank, add_rule: AddRule
) -> None:
    (worker,) = bank.workers(1)
    add_rule({"classification": {"type": ["pdf"]}}, {"workers": {"add": [worker]}})

    answer = send(bank, Sample(data=b"%PDF-1.4\n" + Sample().data + b"\n%%EOF\n"))

    assert worker in bank.tasks_of(answer.json()["data"]["jobID"])


async def test_no_challenge_is_left_behind(bank: Bank, database: Database) -> None:
    sample = Sample()
    send(bank, sample)

    async with database.connection() as db:
        left = await db.fetchval(
            "SELECT count(*) FROM challenge c JOIN sample s ON s.id = c.sample_id WHERE s.sha256 = $1",
            bytes.fromhex(sample.sha256),
        )
    assert left == 0
