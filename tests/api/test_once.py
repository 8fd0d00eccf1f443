"""Idempotency-Key: the same request with the same key gets the first answer again, and nothing is done again."""

import asyncio
import http.client
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from kit.bank import AGENT, V2, Bank, Sample, eventually, fields_of, name_of, together
from kit.policy_rules import AddRule
from samplebank.api.app import ROUTES
from samplebank.assembly import clock
from samplebank.database import Connection, Database
from samplebank.errors import Conflict
from samplebank.repeats import kept
from samplebank.repeats.kept import Keyed

FILE = "/samplebank/v1/sample"
DAY = 24 * 3600 * 1000
REPLAYED = "Idempotency-Replayed"
Request = Callable[[str], requests.Response]


def keyed(bank: Bank, key: str, path: str, user: str = "chief", **more: Any) -> requests.Response:
    return bank.call("POST", path, user, headers={"Idempotency-Key": key}, **more)


def a_file(bank: Bank) -> Request:
    sample, name = Sample(), name_of("file")
    return lambda key: keyed(bank, key, FILE, "mia", data=sample.data, params={"fileName": name})


def an_upload(bank: Bank) -> Request:
    sample = Sample()
    return lambda key: keyed(bank, key, f"{V2}/sample", "mia", data=sample.data)


def a_submission(bank: Bank) -> Request:
    sample = Sample()
    body = bank.submission_body(bank.token(sample))
    return lambda key: keyed(bank, key, f"{sample.path}/submission", "mia", json=body)


def an_analysis(bank: Bank) -> Request:
    sample, (worker,) = bank.submitted(), bank.workers(1)
    return lambda key: keyed(bank, key, f"{sample.path}/analysis", "robot", json=analysis_of(worker))


def analysis_of(worker: str) -> dict[str, Any]:
    return {
        "analysisResult": {"a": 1},
        "analysisScore": 5,
        "customer": "mill",
        "tlp": "amber",
        "userAgent": {"name": worker, "version": "1"},
    }


def some_evidence(bank: Bank) -> Request:
    sample, (worker,) = bank.submitted(), bank.workers(1)
    analysis = bank.analyse(sample, worker)
    path = f"{sample.path}/analysis/{analysis}/evidence/trace.log"
    return lambda key: keyed(bank, key, path, "robot", data=b"evidence")


def a_link(bank: Bank) -> Request:
    sample = bank.submitted()
    body = {"reference": "ab" * 32, "tlp": "amber", "type": "child", "userAgent": AGENT}
    return lambda key: keyed(bank, key, f"{sample.path}/link", json=body)


def a_reanalysis(bank: Bank) -> Request:
    body = {"sha256": [Sample().sha256]}
    return lambda key: keyed(bank, key, "/samplebank/v1/sample/reanalyse", json=body)


def a_note(bank: Bank) -> Request:
    path = f"/samplebank/v1/sample/{bank.submitted().sha256}/notes"
    return lambda key: keyed(bank, key, path, json={"text": "looked at it"})


def a_fact(bank: Bank) -> Request:
    sample = bank.submitted()
    body = {"key": "packer", "value": "upx", "userAgent": AGENT}
    return lambda key: keyed(bank, key, f"{sample.path}/fact", json=body)


def a_verdict(bank: Bank) -> Request:
    sample = bank.submitted()
    body = {"statusOverride": "benign", "comment": "looked at it"}
    return lambda key: keyed(bank, key, f"{sample.path}/verdict", json=body)


def a_withdrawal(bank: Bank) -> Request:
    sample = bank.submitted()
    bank.data(bank.post(f"{sample.path}/verdict", {"statusOverride": "benign", "comment": "looked at it"}))
    path = f"/samplebank/v1/sample/{sample.sha256}/verdict/withdrawal"
    return lambda key: keyed(bank, key, path, json={"comment": "looked again"})


def a_worker(bank: Bank) -> Request:
    name = name_of("w")
    body = {
        "shortName": name,
        "localizedNames": {"english": name},
        "localizedDescriptions": {"english": name},
    }
    return lambda key: keyed(bank, key, f"{V2}/worker", json=body)


def a_rule(bank: Bank) -> Request:
    (worker,) = bank.workers(1)
    body = {
        "name": name_of("rule"),
        "description": "",
        "match": {"submission": {"metaDataKey": [name_of("key")], "metaDataValue": ["v"]}},
        "action": {"workers": {"add": [worker]}},
    }
    return lambda key: keyed(bank, key, f"{V2}/policy/default/rule", json=body)


def a_reindexing(bank: Bank) -> Request:
    body = {"resource": "submission", "startTimestamp": 0, "endTimestamp": 1}
    return lambda key: keyed(bank, key, f"{V2}/servicetask/reindex", json=body)


def a_release(bank: Bank) -> Request:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claim,) = bank.claim(worker)
    path = f"/samplebank/v1/task/{claim['task']['id']}/release"
    return lambda key: keyed(bank, key, path, "robot", json={"leaseToken": claim["leaseToken"]})


def a_result(bank: Bank) -> Request:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claim,) = bank.claim(worker)
    path = f"/samplebank/v1/job/{claim['job']['id']}/task/{claim['task']['id']}/result"
    body = {"leaseToken": claim["leaseToken"], "analysis": analysis_of(worker)}
    return lambda key: keyed(bank, key, path, "robot", json=body)


def a_hunt(bank: Bank) -> Request:
    body = {"rules": "rule one { condition: false }"}
    return lambda key: keyed(bank, key, "/samplebank/v1/hunt", json=body)


REQUESTS = {
    "submitFile": a_file,
    "addSample": an_upload,
    "addSubmission": a_submission,
    "addAnalysis": an_analysis,
    "uploadEvidence": some_evidence,
    "addLink": a_link,
    "reanalyseSamples": a_reanalysis,
    "addNote": a_note,
    "addStaticFact": a_fact,
    "addVerdict": a_verdict,
    "withdrawVerdict": a_withdrawal,
    "addAnalysisWorker": a_worker,
    "addAnalysisRule": a_rule,
    "reindexResources": a_reindexing,
    "releaseTask": a_release,
    "addTaskResult": a_result,
    "hunt": a_hunt,
}


def test_every_operation_that_heeds_the_key_is_tried_here() -> None:
    declared = {
        route.opt["operation"].id for route in ROUTES if getattr(route.opt.get("operation"), "keyed", 0)
    }

    assert declared == set(REQUESTS)


@pytest.mark.parametrize("operation", REQUESTS)
def test_the_same_request_with_its_key_gets_the_first_answer_again(bank: Bank, operation: str) -> None:
    request, key = REQUESTS[operation](bank), name_of("key")
    first = request(key)

    again = request(key)

    assert first.status_code in {200, 201}, first.text[:300]
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")


@pytest.mark.parametrize("operation", REQUESTS)
def test_of_many_requests_at_once_with_one_key_one_does_the_work(bank: Bank, operation: str) -> None:
    request, key = REQUESTS[operation](bank), name_of("key")

    answers = together([lambda: request(key) for _ in range(8)])

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1, answers[0].text[:300]
    assert answers[0].status_code in {200, 201}
    assert [answer.headers.get(REPLAYED) for answer in answers].count(None) == 1


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_bad_key_is_refused(bank: Bank, operation: str, key: str) -> None:
    refused = REQUESTS[operation](bank)(key)

    assert (refused.status_code, fields_of(refused)) == (412, {"Idempotency-Key"})


def test_a_key_of_200_characters_is_good(bank: Bank) -> None:
    assert a_file(bank)("k" * 200).status_code == 201


def test_a_key_given_twice_is_refused(bank: Bank) -> None:
    headers = {"Argus-API-Key": bank.keys["mia"], "Content-Length": "5"}
    with closing(http.client.HTTPConnection(urlsplit(bank.url).netloc)) as connection:
        connection.putrequest("POST", f"{FILE}?fileName=a")
        for name, value in [*headers.items(), ("Idempotency-Key", "a"), ("idempotency-key", "a")]:
            connection.putheader(name, value)
        connection.endheaders(b"bytes")

        refused = connection.getresponse()
        told = refused.read()

    assert refused.status == 412
    assert b"once only" in told


def test_another_request_with_the_key_is_refused(bank: Bank) -> None:
    key = name_of("key")
    a_fact(bank)(key)

    refused = a_fact(bank)(key)

    assert refused.status_code == 412
    assert "another request" in refused.json()["messages"][0]["message"]


def test_another_file_with_the_key_is_refused_and_not_stored(bank: Bank) -> None:
    sample, key = Sample(), name_of("key")
    a_file(bank)(key)

    refused = keyed(bank, key, FILE, "mia", data=sample.data, params={"fileName": "a"})

    assert refused.status_code == 412
    assert bank.post(f"{sample.path}/challenge", user="mia").status_code == 404


def test_a_file_comes_again_with_its_key_when_its_retention_is_over(bank: Bank) -> None:
    sample, key = Sample(), name_of("key")
    until = str(clock() + 1500)
    said = {"fileName": "a", "retention": until}
    first = keyed(bank, key, FILE, "mia", data=sample.data, params=said)
    eventually(lambda: clock() > int(until))

    again = keyed(bank, key, FILE, "mia", data=sample.data, params=said)

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)


def test_users_do_not_share_keys(bank: Bank) -> None:
    sample, key = Sample(), name_of("key")
    mine = keyed(bank, key, FILE, "mia", data=sample.data, params={"fileName": "a"})

    other = keyed(bank, key, FILE, "hana", data=sample.data, params={"fileName": "a"})

    assert (mine.status_code, other.status_code) == (201, 201)
    assert mine.json()["data"]["id"] != other.json()["data"]["id"]


def test_a_similar_submission_is_kept_as_similar(bank: Bank) -> None:
    sample, key = Sample(), name_of("key")
    keyed(bank, name_of("first"), FILE, "mia", data=sample.data, params={"fileName": "a"})
    similar = keyed(bank, key, FILE, "mia", data=sample.data, params={"fileName": "a"})

    again = keyed(bank, key, FILE, "mia", data=sample.data, params={"fileName": "a"})

    assert (similar.status_code, again.status_code) == (220, 220)
    assert again.headers[REPLAYED] == "true"


def test_a_refused_request_may_come_again_with_its_key(bank: Bank) -> None:
    sample, key = Sample(), name_of("key")
    body = {"key": "packer", "value": "upx", "userAgent": AGENT}
    refused = keyed(bank, key, f"{sample.path}/fact", json=body)
    bank.submit(sample)

    accepted = keyed(bank, key, f"{sample.path}/fact", json=body)

    assert (refused.status_code, accepted.status_code) == (404, 201)


def test_a_wrong_answer_to_a_challenge_counts_with_a_key_too(bank: Bank) -> None:
    sample = Sample()
    token = bank.token(sample)
    wrong = bank.submission_body({**token, "sha256": "0" * 64})

    refused = keyed(bank, name_of("key"), f"{sample.path}/submission", "mia", json=wrong)

    used_up = bank.post(f"{sample.path}/submission", bank.submission_body(token), "mia")
    assert (refused.status_code, used_up.status_code) == (412, 412)


def test_a_submission_that_waits_for_the_file_type_is_kept(bank: Bank, add_rule: AddRule) -> None:
    add_rule({"classification": {"type": [name_of("type")]}}, {"workers": {"add": bank.workers(1)}})
    request, key = a_submission(bank), name_of("key")

    first, again = request(key), request(key)

    assert (first.status_code, again.content) == (201, first.content)


async def test_an_answer_is_kept_for_a_day_and_then_forgotten(bank: Bank, database: Database) -> None:
    request, key = a_link(bank), name_of("key")
    first = await asyncio.to_thread(request, key)
    async with database.connection() as db:
        await db.execute("UPDATE kept_answer SET created_time = created_time - $1", DAY)

    later = await asyncio.to_thread(request, key)

    assert later.json()["data"]["id"] != first.json()["data"]["id"]


OLD = "SELECT EXISTS (SELECT FROM kept_answer WHERE created_time = 1)"


async def test_the_housekeeper_removes_old_answers(bank: Bank, database: Database) -> None:
    await asyncio.to_thread(a_link(bank), name_of("key"))
    async with database.connection() as db:
        await db.execute("UPDATE kept_answer SET created_time = 1")
        async with asyncio.timeout(60):
            while await db.fetchval(f"{OLD} FROM pg_sleep(0.1)"):
                pass

        assert await db.fetchval(OLD) is False


@pytest.mark.parametrize(
    ("before", "left"),
    [({1: 100}, {1: 60}), ({1: 5, 2: 100}, {1: 5, 2: 55}), ({1: 50, 2: 4, 3: 90}, {1: 28, 2: 4, 3: 28})],
    ids=["one user", "a user and a flood", "two floods"],
)
async def test_beyond_the_bound_the_oldest_answers_of_users_with_the_most_are_forgotten(
    db: Connection, before: dict[int, int], left: dict[int, int]
) -> None:
    await db.execute("DELETE FROM kept_answer")
    since = clock()
    await db.execute(
        "INSERT INTO kept_answer (user_id, key, request, status, answer, created_time)"
        " SELECT user_id, int8send(n), '', 201, '', $1::bigint - n"
        " FROM unnest($2::bigint[], $3::bigint[]) given(user_id, most), generate_series(1, most) n",
        since,
        list(before),
        list(before.values()),
    )
    await db.execute("ANALYZE kept_answer")

    forgotten = await kept.forget_old(db, 60, now=since)

    kept_of = "SELECT user_id, count(*), min(created_time) FROM kept_answer GROUP BY user_id ORDER BY user_id"
    assert forgotten == sum(before.values()) - 60
    assert list(map(tuple, await db.fetch(kept_of))) == [(id_, n, since - n) for id_, n in left.items()]


async def test_an_answer_too_large_to_keep_is_told_and_the_work_is_not_done_again(db: Connection) -> None:
    key = Keyed(1, kept.digest_of_key(name_of("key")), b"request")
    await kept.begin(db, key, now=clock())
    await kept.keep(db, key, 201, b"x" * (kept.MOST + 1))

    with pytest.raises(Conflict, match="too large to keep"):
        await kept.begin(db, key, now=clock())


async def test_a_file_whose_answer_is_old_but_not_removed_yet_is_taken_again(
    bank: Bank, database: Database
) -> None:
    request, key = a_file(bank), name_of("key")
    first = await asyncio.to_thread(request, key)
    async with database.connection() as db:
        await db.execute("UPDATE kept_answer SET created_time = created_time - $1", DAY)

    later = await asyncio.to_thread(request, key)

    assert (first.headers.get(REPLAYED), later.headers.get(REPLAYED)) == (None, None)
