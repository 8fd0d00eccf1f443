"""Service tasks: who sees a task, and how tasks are found, aborted and failed."""

from typing import Any
from uuid import uuid4

import pytest

from kit.bank import V2, Bank, Sample, eventually, fields_of, name_of
from samplebank.database import Connection, Database, new_id

TASKS = f"{V2}/servicetask"
ENDED = {"done", "failed", "aborted"}
#: an operation that the service does not know
UNKNOWN = "knit"


def search(bank: Bank, user: str = "chief", **criteria: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = bank.data(bank.post(f"{TASKS}/search", criteria, user))
    return rows


def reindex(bank: Bank, user: str = "chief", **fields: Any) -> str:
    """Ask for a reindex and wait for the end. Returns the correlation id."""
    body = {"dataCenter": "all", "resource": "all", **fields}
    correlation: str = bank.data(bank.post(f"{TASKS}/reindex", body, user))["correlationID"]
    assert eventually(
        lambda: all(task["state"] in ENDED for task in search(bank, correlationID=[correlation], limit=0))
    )
    return correlation


def test_a_reindex_is_done_by_sub_tasks(bank: Bank) -> None:
    bank.submitted()

    tasks = search(bank, correlationID=[reindex(bank)])

    (root,) = [task for task in tasks if "parentTask" not in task]
    (part,) = [task for task in tasks if "parentTask" in task]
    assert (root["state"], part["state"]) == ("done", "done")
    assert root["flags"] == ["hasSubtasks"]
    assert part["rootTask"] == part["parentTask"] == {"id": root["id"], "state": "done"}
    assert int(part["responseContext"]["samples"]) > 0
    assert root["createdTimestamp"] <= root["executionTimestamp"] <= root["finishedTimestamp"]


def test_a_reindex_of_a_time_without_samples_is_done_at_once(bank: Bank) -> None:
    correlation = reindex(bank, endTimestamp="2001-01-01T00:00:00Z")

    (task,) = search(bank, correlationID=[correlation])

    assert task["state"] == "done"
    assert task["responseMessages"][0]["message"] == "There is no sample in this time."


async def test_a_reindex_puts_right_who_may_read_and_when_something_happened(
    bank: Bank, database: Database
) -> None:
    sample = bank.submitted(tlp="green")
    async with database.connection() as db:
        await db.execute("UPDATE submission SET readers = '{}' WHERE file_name IS NOT NULL AND sample_id = "
                         "(SELECT id FROM sample WHERE sha256 = $1)", bytes.fromhex(sample.sha256))  # fmt: skip
        await db.execute(
            "UPDATE sample SET readers = '{}', activity_time = 0 WHERE sha256 = $1",
            bytes.fromhex(sample.sha256),
        )
    assert bank.get(sample.path, "mia").status_code == 404

    reindex(bank, startTimestamp="now - 1 hour")

    assert bank.get(sample.path, "mia").status_code == 200
    assert bank.get(sample.path, "quinn").status_code == 200
    assert bank.get(sample.path, "hana").status_code == 404
    async with database.connection() as db:
        activity = await db.fetchval(
            "SELECT activity_time >= created_time FROM sample WHERE sha256 = $1", bytes.fromhex(sample.sha256)
        )
    assert activity


def test_a_reindex_takes_green_rows_along_to_the_new_domain_of_a_customer(bank: Bank) -> None:
    firm = name_of("firm")
    path = f"/samplebank/v1/customers/{firm}"
    bank.data(bank.put(path, {"name": "A firm", "domain": "here"}))
    sample = Sample()
    token = bank.token(sample, "chief")
    body = bank.submission_body(token, customer=firm, tlp="green")
    assert eventually(lambda: bank.post(f"{sample.path}/submission", body).status_code == 201)

    bank.data(bank.put(path, {"name": "A firm", "domain": "there"}))
    reindex(bank, startTimestamp="now - 1 hour")

    assert [bank.get(sample.path, user).status_code for user in ("mia", "hana")] == [404, 200]


def test_administrators_of_the_installation_see_the_tasks_of_others(bank: Bank) -> None:
    sample = bank.submitted()
    correlation = bank.data(bank.delete(sample.path, "boss"))["correlationID"]

    found = search(bank, correlationID=[correlation])

    assert [row["createdByUser"]["shortName"] for row in found] == ["boss"]
    assert bank.get(f"{TASKS}/{found[0]['id']}").status_code == 200


@pytest.mark.parametrize("user", ["mia", "boss"])
def test_others_see_their_own_tasks_only(bank: Bank, user: str) -> None:
    correlation = reindex(bank, endTimestamp="2001-01-01T00:00:00Z")
    (task,) = search(bank, correlationID=[correlation])

    seen = bank.get(f"{TASKS}/{task['id']}", user)
    aborted = bank.delete(f"{TASKS}/{task['id']}", user)

    assert (seen.status_code, aborted.status_code) == (404, 404)
    assert search(bank, user, correlationID=[correlation]) == []


def test_a_task_that_has_ended_cannot_be_aborted(bank: Bank) -> None:
    (task,) = search(bank, correlationID=[reindex(bank, endTimestamp="2001-01-01T00:00:00Z")])

    refused = bank.delete(f"{TASKS}/{task['id']}")

    assert refused.status_code == 412
    assert "ended already" in refused.json()["messages"][0]["message"]


async def open_by_hand(
    db: Connection, operation: str, state: str, user: str, parent: str | None = None
) -> str:
    id_ = new_id()
    await db.execute(
        "INSERT INTO service_task (id, correlation_id, parent_id, root_id, operation, arguments, state, user_id,"
        " created_time) SELECT $1, $1, $5, $5, $2, '{}', $3, id, 1 FROM subject WHERE short_name = $4",
        id_,
        operation,
        state,
        user,
        parent,
    )
    return str(id_)


async def test_an_abort_ends_a_task_with_its_sub_tasks(bank: Bank, database: Database) -> None:
    async with database.transaction() as db:
        root = await open_by_hand(db, UNKNOWN, "waitingForSubtasks", "mia")
        part = await open_by_hand(db, UNKNOWN, "waitingForSubtasks", "mia", root)

    aborted = bank.data(bank.delete(f"{TASKS}/{root}", "mia"))

    assert (aborted["id"], aborted["state"]) == (root, "aborted")
    assert aborted["responseMessages"][0]["message"] == "Aborted by mia."
    assert bank.data(bank.get(f"{TASKS}/{part}", "mia"))[0]["state"] == "aborted"


async def test_a_sub_task_that_is_aborted_fails_its_parent(bank: Bank, database: Database) -> None:
    async with database.transaction() as db:
        root = await open_by_hand(db, UNKNOWN, "waitingForSubtasks", "mia")
        part = await open_by_hand(db, UNKNOWN, "waitingForSubtasks", "mia", root)

    bank.delete(f"{TASKS}/{part}", "mia")

    (parent,) = bank.data(bank.get(f"{TASKS}/{root}", "mia"))
    assert (parent["state"], parent["flags"]) == ("failed", ["hasFailedSubtasks"])


@pytest.mark.parametrize("operation", ["reindexSlice", UNKNOWN])
async def test_a_task_of_another_release_fails_and_stops_no_other(
    bank: Bank, database: Database, operation: str
) -> None:
    async with database.transaction() as db:
        broken = await open_by_hand(db, operation, "pending", "chief")

    reindex(bank, endTimestamp="2001-01-01T00:00:00Z")

    (task,) = bank.data(bank.get(f"{TASKS}/{broken}"))
    assert task["state"] == "failed"
    assert "cannot be done" in task["responseMessages"][0]["message"]


@pytest.mark.parametrize(
    ("criteria", "field"),
    [
        ({"user": ["chief", "nobody-known"]}, "user[1]"),
        ({"user": ["guests"]}, "user[0]"),
        ({"state": ["asleep"]}, "state[0]"),
        ({"parentTask": ["no id"]}, "parentTask[0]"),
        ({"startTimestamp": "now", "endTimestamp": "now - 1 day"}, "startTimestamp"),
        ({"endTimestamp": "yesterday"}, "endTimestamp"),
        ({"correlationId": []}, "correlationId"),
        ({"limit": 10_001}, "limit"),
    ],
)
def test_a_bad_filter_is_refused_with_its_field(bank: Bank, criteria: dict[str, Any], field: str) -> None:
    refused = bank.post(f"{TASKS}/search", criteria)

    assert (refused.status_code, fields_of(refused)) == (412, {field})


def test_a_list_of_an_unknown_user_or_a_bad_parent_is_refused(bank: Bank) -> None:
    refused = bank.get(TASKS, user="chief", parentTask=["x"], state=["asleep"])

    assert (refused.status_code, fields_of(refused)) == (412, {"parentTask[0]", "state[0]"})


def test_tasks_are_found_by_the_times_that_they_have(bank: Bank) -> None:
    correlation = reindex(bank, endTimestamp="2001-01-01T00:00:00Z")
    times: dict[str, Any] = {"startTimestamp": "now - 1 hour", "timeFieldStrategy": ["finishedTimestamp"]}

    found = search(bank, correlationID=[correlation], timeMatchStrategy="all", **times)

    assert [task["correlationID"] for task in found] == [correlation]
    assert search(bank, correlationID=[correlation], endTimestamp="now - 1 hour") == []


def test_what_is_no_task_is_not_there(bank: Bank) -> None:
    answers = [bank.get(f"{TASKS}/{reference}") for reference in (uuid4(), "x", "0" * 32)]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
