"""The ledger: what is told of acts, and when."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from audit.reading import about, ask, awaited, entries
from kit.bank import Bank, Sample, eventually, fields_of, name_of
from kit.locks import session_behind
from kit.policy_rules import RULES
from kit.service import Service
from kit.visitor import Visitor
from samplebank.audit.model import OPERATOR, Entry, Kind
from samplebank.audit.recording import record
from samplebank.database import Connection, Database

DOWNLOADS = {"raw": "downloadRawSample", "safe": "downloadSafeSample"}


@pytest.mark.parametrize("way", DOWNLOADS)
def test_a_download_tells_who_when_from_where_and_by_which_key(bank: Bank, way: str) -> None:
    sample = bank.submitted("mia")

    answer = bank.get(f"{sample.path}/{way}", "mia")

    (entry,) = about(bank, sample, DOWNLOADS[way])
    actor = entry["actor"]
    assert (entry["kind"], entry["outcome"], entry["sampleSha256"]) == ("download", "done", sample.sha256)
    assert (actor["user"]["shortName"], actor["address"]) == ("mia", "127.0.0.1")
    assert actor["requestID"] == answer.headers["X-Request-ID"]
    assert actor["keyID"]
    assert entry["details"] == {"bytes": len(sample.data)}
    assert [customer["shortName"] for customer in entry["customers"]] == ["mill"]


async def test_no_byte_leaves_before_its_entry(bank: Bank, database: Database) -> None:
    sample = await asyncio.to_thread(bank.submitted, "mia")
    async with database.transaction() as holder:
        await holder.execute("LOCK TABLE audit IN EXCLUSIVE MODE")
        answer = asyncio.create_task(asyncio.to_thread(bank.get, f"{sample.path}/raw", "mia"))
        await session_behind(database, holder)
        has_answered = answer.done()

    assert not has_answered
    assert (await answer).content == sample.data


def test_a_part_of_a_sample_is_a_download_of_so_many_bytes(bank: Bank) -> None:
    sample = bank.submitted("mia")

    bank.call("GET", f"{sample.path}/raw", "mia", headers={"Range": "bytes=0-9"})

    (entry,) = about(bank, sample, "downloadRawSample")
    assert entry["details"] == {"bytes": 10}


def test_a_download_of_a_page_tells_the_session(bank: Bank) -> None:
    sample = bank.submitted("mia")

    Visitor(bank.url).sign_in(bank.keys["mia"]).get(f"/sample/{sample.sha256}/safe")

    (entry,) = about(bank, sample, "downloadSafeByPage")
    assert entry["actor"]["sessionID"]


def test_equal_reads_at_a_time_are_an_entry_with_a_count(bank: Bank) -> None:
    sample = bank.submitted("mia")

    for _ in range(20):
        bank.get(sample.path, "mia")

    found = awaited(bank, sample=sample.sha256, action="getSampleMetaData")
    assert sum(entry["count"] for entry in found) <= 20
    assert len(found) < 20
    assert {entry["kind"] for entry in found} == {"read"}


def asked_for(bank: Bank, action: str, name: str) -> str:
    """What mia asked for, in the search with the name."""

    def told() -> list[str]:
        texts = (str(one.get("details", {}).get("asked")) for one in entries(bank, user="mia", action=action))
        return [text for text in texts if name in text]

    (found,) = eventually(told)
    return found


def test_a_search_tells_what_was_asked(bank: Bank) -> None:
    name = name_of("asked")

    bank.get("/samplebank/v1/query/samples", "mia", q=name)
    bank.post("/sampledb/v2/submission/search", {"fileName": [name]}, "mia")

    assert asked_for(bank, "querySamples", name) == f"q={name}"
    assert asked_for(bank, "submissionAdvancedSearch", name) == f'{{"fileName": ["{name}"]}}'


def test_a_refusal_is_told_as_refused(bank: Bank) -> None:
    sample = bank.submitted("mia")

    bank.delete(sample.path, "mia")

    (entry,) = awaited(bank, sample=sample.sha256, action="deleteSample")
    assert (entry["outcome"], entry["actor"]["user"]["shortName"]) == ("refused", "mia")


def test_a_deletion_is_told_when_asked_for_and_when_done(bank: Bank) -> None:
    sample = bank.submitted("mia")

    bank.delete(sample.path, "chief")

    (asked,) = about(bank, sample, "deleteSample")
    (done,) = awaited(bank, sample=sample.sha256, action="sampleDeleted")
    assert (asked["kind"], done["kind"]) == ("deletion", "deletion")
    assert asked["details"] == done["details"]
    assert done["actor"]["user"]["shortName"] == "chief"


def change(bank: Bank, sample: Sample, action: str) -> Any:
    extension = f"/samplebank/v1/sample/{sample.sha256}"
    body: dict[str, Any] = {
        "addNote": {"text": "a secret of mia"},
        "addVerdict": {"statusOverride": "malicious", "comment": "x"},
    }
    paths = {"addNote": f"{extension}/notes", "addVerdict": f"{sample.path}/verdict"}
    if action == "reanalyseSample":
        return bank.put(f"{sample.path}/reanalyse", None, "chief")
    return bank.post(paths[action], body[action], "chief" if action == "addVerdict" else "mia")


@pytest.mark.parametrize("action", ["addNote", "addVerdict", "reanalyseSample"])
def test_a_change_of_a_sample_is_told_without_its_text(bank: Bank, action: str) -> None:
    sample = bank.submitted("mia", metaData=bank.plan(*bank.workers(1)))

    answer = change(bank, sample, action)

    assert answer.status_code < 300, answer.text
    (entry,) = about(bank, sample, action)
    assert entry["kind"] == "change"
    assert "secret" not in str(entry)


def test_a_request_that_comes_again_with_its_key_is_one_change(bank: Bank) -> None:
    sample = bank.submitted("mia")
    key, body = {"Idempotency-Key": name_of("key")}, {"statusOverride": "malicious", "comment": "x"}

    answers = [bank.call("POST", f"{sample.path}/verdict", "chief", json=body, headers=key) for _ in range(2)]
    bank.get(sample.path)

    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]
    assert awaited(bank, sample=sample.sha256, action="getSampleMetaData")
    assert len(about(bank, sample, "addVerdict")) == 1


def test_a_change_of_the_policy_is_told(bank: Bank) -> None:
    worker = bank.worker()
    body = {
        "name": name_of("rule"),
        "description": "",
        "match": {"customer": {"customerOrGroup": ["mill"]}},
        "action": {"workers": {"add": [worker["shortName"]]}},
    }
    rule = bank.data(bank.post(RULES, body))
    bank.delete(f"{RULES}/{rule['id']}")

    told = [entry["action"] for entry in entries(bank, target=rule["id"])]

    assert told == ["addAnalysisRule", "deleteAnalysisRule"]
    assert [entry["action"] for entry in entries(bank, target=worker["shortName"])] == ["addAnalysisWorker"]


def test_a_refused_change_leaves_no_entry_of_the_change(bank: Bank) -> None:
    sample = bank.submitted("mia")

    bank.post(f"/samplebank/v1/sample/{sample.sha256}/notes", {"text": ""}, "mia")

    assert about(bank, sample, "addNote") == []


def test_sessions_are_told(bank: Bank) -> None:
    Visitor(bank.url).sign_in(bank.keys["gus"]).post("/logout")

    *_, begun, ended = told = entries(bank, user="gus", kind="access")

    assert (begun["action"], ended["action"]) == ("signIn", "signOut")
    assert all(entry["actor"]["address"] == "127.0.0.1" for entry in told)


def test_changes_of_accounts_by_command_are_told(bank: Bank, service: Service) -> None:
    grant = ("gus", "SAMPLEDB-VIEWER", "harbour")

    for command in ("add-grant", "remove-grant"):
        assert service.run("accounts", command, *grant).returncode == 0

    for action in ("addGrant", "removeGrant"):
        told = entries(bank, kind="access", action=action)[-1]
        assert told["details"] == {"subject": "gus", "role": "SAMPLEDB-VIEWER", "customer": "harbour"}
        assert told["actor"]["type"] == "operator"


def test_changes_of_accounts_by_command_are_found_by_whom_they_are_about(
    bank: Bank, service: Service
) -> None:
    """As changes by the API are: else the ledger would hide who was given a right, and who was removed."""
    user, group, firm = name_of("user"), name_of("group"), name_of("firm")
    bank.data(bank.put(f"/samplebank/v1/customers/{firm}", {"name": "A firm", "domain": "here"}))

    for command in (
        ("add-user", user, "mill"), ("add-group", group, "mill"), ("add-member", group, user),
        ("add-grant", user, "SAMPLEDB-VIEWER", "mill"), ("remove-grant", user, "SAMPLEDB-VIEWER", "mill"),
        ("remove-member", group, user), ("remove-group", group), ("remove-user", user), ("remove-customer", firm),
    ):  # fmt: skip
        assert service.run("accounts", *command).returncode == 0

    told = {name: [entry["action"] for entry in entries(bank, target=name)] for name in (user, group, firm)}
    assert told == {
        user: ["putUser", "addMember", "addGrant", "removeGrant", "removeMember", "removeUser"],
        group: ["putGroup", "removeGroup"],
        firm: ["putCustomer", "removeCustomer"],
    }


def test_keys_are_told_with_who_they_are_of_and_never_as_they_are(bank: Bank, service: Service) -> None:
    made = service.run("key", "create", "gus", "--label", "for the test", "--json")
    key_id, key = made.stdout.split('"id": "')[1][:36], made.stdout.split('"key": "')[1].split('"')[0]
    service.run("key", "revoke", key_id)

    told = entries(bank, target=key_id)

    assert [(entry["action"], entry["actor"]["type"]) for entry in told] == [
        ("createKey", "operator"),
        ("revokeKey", "operator"),
    ]
    assert told[0]["details"]["user"] == "gus"
    assert key not in str(told)


async def test_the_fetch_of_a_worker_is_told(bank: Bank) -> None:
    worker = bank.worker()["shortName"]
    sample, _, _ = bank.planned(worker)
    bank.claim(worker, "toiler")

    bank.get(f"{sample.path}/raw", "toiler")

    (entry,) = awaited(bank, sample=sample.sha256, action="downloadRawSample")
    assert (entry["kind"], entry["actor"]["user"]["shortName"], entry["customers"]) == (
        "download",
        "toiler",
        [],
    )


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET count = 2", "DELETE FROM audit", "TRUNCATE audit", "TRUNCATE audit_other"]
)
async def test_an_entry_stays_as_it_is(db: Connection, statement: str) -> None:
    await record(db, Entry(1, Kind.ACCESS, "test", OPERATOR))

    with pytest.raises(asyncpg.RaiseError, match="takes new entries only"):
        await db.execute(statement)


def test_a_page_goes_on_behind_its_cursor(bank: Bank) -> None:
    sample = bank.submitted("mia")
    for _ in range(3):
        bank.get(f"{sample.path}/raw", "mia")
    wanted: dict[str, Any] = {"sample": sample.sha256, "action": "downloadRawSample", "limit": 2}

    first = ask(bank, **wanted).json()
    second = ask(bank, **wanted, after=first["metaData"]["next"]).json()

    assert (len(first["data"]), len(second["data"]), first["count"]) == (2, 1, 3)
    times = [entry["timestamp"] for entry in first["data"] + second["data"]]
    assert times == sorted(times, reverse=True)


def test_bad_filters_are_named(bank: Bank) -> None:
    answer = ask(
        bank, sample="no digest", user="nobody there", customer="nowhere", since="now", until="now - 1 day"
    )

    assert answer.status_code == 412
    assert fields_of(answer) == {"sample", "user", "customer", "since"}


def test_a_filter_for_a_key_finds_what_the_key_did(bank: Bank) -> None:
    sample = bank.submitted("mia")
    bank.get(f"{sample.path}/raw", "mia")
    (entry,) = about(bank, sample, "downloadRawSample")

    found = entries(bank, key=entry["actor"]["keyID"], sample=sample.sha256, action="downloadRawSample")

    assert found == [entry]
    assert entries(bank, key=str(uuid4())) == []
