"""The lines before the workers: live processes, what waits, how fast, and when a line is cleared."""

import asyncio
from typing import Any

import pytest

from kit.bank import CHIEF, ROBOT, Bank, eventually
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.model import Customer, Domain, Permission, Subject
from samplebank.database import Connection, Database
from samplebank.jobs.worker_lines import worker_lines
from samplebank.policy.presence import GIVEN_UP, SLACK, Presence, Standing
from samplebank.policy.sightings import FORGOTTEN, MOST_KEPT, MOST_MET, NOTE, forget_processes
from samplebank.policy.workers import get_worker

#: as many processes of a worker
KNOWN = """
    INSERT INTO worker_process SELECT $1, 0, n::text, NULL, NULL, NULL, $3, $3, $3 FROM generate_series(1, $2::int) n
"""


def line(bank: Bank, worker: str, user: str = CHIEF) -> dict[str, Any]:
    (found,) = [
        one for one in bank.data(bank.get("/samplebank/v1/workers", user)) if one["shortName"] == worker
    ]
    line: dict[str, Any] = found
    return line


def asked(bank: Bank, worker: str, user: str = ROBOT, **headers: str) -> list[dict[str, Any]]:
    """Claim as a process that names itself."""
    body = {"leaseSeconds": 60}
    path = f"/samplebank/v1/worker/{worker}/claim"
    claims: list[dict[str, Any]] = bank.data(bank.call("POST", path, user, json=body, headers=headers))
    return claims


def seen(bank: Bank, worker: str, number: int = 1, user: str = CHIEF) -> list[dict[str, Any]]:
    """The processes of a worker, as soon as there are so many."""
    assert eventually(lambda: len(line(bank, worker, user)["processes"]) == number)
    processes: list[dict[str, Any]] = line(bank, worker, user)["processes"]
    return processes


@pytest.mark.parametrize(
    ("after_due", "standing"),
    [(-1, "alive"), (SLACK, "alive"), (SLACK + 1, "late"), (GIVEN_UP, "late"), (GIVEN_UP + 1, "none")],
)
def test_a_process_is_late_when_the_next_sign_is_missing_and_then_given_up(
    after_due: int, standing: str
) -> None:
    assert Presence(1000, 61_000).standing(61_000 + after_due).value == standing


def test_a_process_that_never_gave_a_sign_is_none() -> None:
    assert Presence().standing(0) is Standing.NONE


def test_a_process_that_asks_for_work_is_shown_with_its_name_and_version(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    asked(bank, worker, **{"User-Agent": "urls/1.4 (more)", "Samplebank-Process": "a3:17"})

    (found,) = seen(bank, worker)

    assert (found["state"], found["agent"], found["version"]) == ("alive", "urls", "1.4")
    assert (found["label"], found["user"]) == ("a3:17", "robot")
    assert line(bank, worker)["state"] == "alive"


def test_what_a_process_remarks_is_shown_beside_its_version(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    remark = {"Samplebank-Remark": "rules flag 2 of 1000 clean files"}
    asked(bank, worker, **{"User-Agent": "yara/1.0 (more)", "Samplebank-Process": "a3:17", **remark})

    (found,) = seen(bank, worker)

    assert (found["version"], found["remark"]) == ("1.0", "rules flag 2 of 1000 clean files")


def test_each_process_is_shown_and_a_client_without_a_name_by_its_user(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    asked(bank, worker, **{"Samplebank-Process": "a3:17"})
    asked(bank, worker, **{"Samplebank-Process": "a4:18"})
    asked(bank, worker, **{"Samplebank-Process": ""})

    found = seen(bank, worker, 3)

    assert sorted(process.get("label", "") for process in found) == ["", "a3:17", "a4:18"]
    assert {process["user"] for process in found} == {"robot"}


def test_a_heartbeat_is_a_sign_of_life_and_keeps_the_version(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claim,) = asked(bank, worker, **{"User-Agent": "urls/1.4", "Samplebank-Process": "a3:17"})
    seen(bank, worker)

    body = {"leaseToken": claim["leaseToken"], "leaseSeconds": 3600}
    beat = f"/samplebank/v1/task/{claim['task']['id']}/heartbeat"
    assert bank.call("POST", beat, ROBOT, json=body, headers={"Samplebank-Process": "a3:17"}).ok

    def extended() -> bool:
        (process,) = line(bank, worker)["processes"]
        return bool(
            process["version"] == "1.4" and process["lastSeenTimestamp"] > process["firstSeenTimestamp"]
        )

    assert eventually(extended)


def test_whoever_does_not_see_every_customer_is_not_told_who_runs_the_processes(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    asked(bank, worker, "analyzer", **{"Samplebank-Process": "a3:17"})

    (found,) = seen(bank, worker, user="analyzer")

    assert found["state"] == "alive"
    assert not {"label", "user"} & found.keys()


async def test_processes_for_other_customers_are_not_shown(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    asked(bank, worker, "analyzer")
    seen(bank, worker)

    async with database.connection() as db:
        id_ = (await get_worker(db, worker)).id
        await db.execute("UPDATE worker_process SET customers = '{-1}' WHERE worker_id = $1", id_)

    assert (line(bank, worker, "analyzer")["state"], line(bank, worker)["state"]) == ("none", "alive")


def test_what_waits_is_told_with_the_customers_that_wait_longest(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, first, _ = bank.planned(worker, user="quinn")
    bank.planned(worker, user="mia")
    bank.planned(worker, user="mia")

    found = line(bank, worker)

    since = bank.job(first)["enqueuedTimestamp"]
    assert (found["waitingTasks"], found["waitingSinceTimestamp"], found["state"]) == (3, since, "none")
    told = [(one["customer"]["shortName"], one["tasks"]) for one in found["longestWaitingCustomers"]]
    assert told == [("quarry", 1), ("mill", 2)]
    assert "clearsInSeconds" not in found


def test_tasks_and_times_of_other_customers_are_not_told(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker, user="quinn")
    bank.update(job, tasks[worker], "failed")
    bank.planned(worker, user="quinn")
    bank.planned(worker, user="mia")

    found, whole = line(bank, worker, "analyzer"), line(bank, worker)

    assert (found["waitingTasks"], found["failuresLastDay"], found["ratePerMinute"]) == (1, 0, 0)
    assert [one["customer"]["shortName"] for one in found["longestWaitingCustomers"]] == ["mill"]
    assert (whole["waitingTasks"], whole["failuresLastDay"]) == (2, 1)


def test_a_line_with_a_live_worker_and_a_rate_says_when_the_line_is_cleared(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    for _ in range(2):
        _, job, tasks = bank.planned(worker)
        asked(bank, worker)
        bank.update(job, tasks[worker], "success")
    bank.planned(worker)
    seen(bank, worker)

    found = line(bank, worker)

    assert found["ratePerMinute"] > 0
    assert found["clearsInSeconds"] == pytest.approx(60 / found["ratePerMinute"], rel=0.05)
    assert found["serviceMilliseconds"].keys() == {"mean", "p50", "p95"}
    assert found["waitMilliseconds"]["mean"] >= 0


def test_an_empty_line_is_clear(bank: Bank) -> None:
    assert line(bank, *bank.workers(1))["clearsInSeconds"] == 0


async def test_a_user_has_a_bounded_number_of_processes_and_takes_no_place_of_others(
    bank: Bank, db: Connection
) -> None:
    (worker,) = bank.workers(1)
    id_ = (await get_worker(db, worker)).id
    await db.execute(KNOWN, id_, MOST_MET - 1, 1)
    sign = {"id": str(id_), "name": worker, "time": 2, "due_time": 3}

    signs = [{**sign, "user_id": user, "label": label} for user in (0, 1) for label in ("new", "newer", "1")]
    await NOTE.run(db, signs=signs)

    kept = await db.fetch("SELECT user_id, label FROM worker_process WHERE worker_id = $1", id_)
    labels = {user: [label for one, label in kept if one == user] for user in (0, 1)}
    assert (len(labels[0]), "new" in labels[0], "newer" in labels[0]) == (MOST_MET, True, False)
    assert sorted(labels[1]) == ["1", "new", "newer"]


async def test_the_newest_processes_of_a_user_are_kept(bank: Bank, db: Connection) -> None:
    (worker,) = bank.workers(1)
    id_ = (await get_worker(db, worker)).id
    await db.execute(KNOWN, id_, MOST_KEPT, 1)
    await db.execute(KNOWN.replace("n::text", "'later'"), id_, 1, 2)
    await db.execute(KNOWN.replace("$1, 0", "$1, 1").replace("n::text", "'other'"), id_, 1, 1)

    await forget_processes(db, now=3)

    kept = await db.fetch("SELECT label FROM worker_process WHERE worker_id = $1", id_)
    assert len(kept) == MOST_KEPT + 1
    assert {"later", "other"} <= {row[0] for row in kept}


async def test_processes_that_gave_no_sign_for_long_are_forgotten(bank: Bank, db: Connection) -> None:
    (worker,) = bank.workers(1)
    id_ = (await get_worker(db, worker)).id
    await db.execute(KNOWN, id_, 1, 1)
    await db.execute(KNOWN.replace("n::text", "'later'"), id_, 1, 3)

    await forget_processes(db, now=FORGOTTEN + 2)

    kept = await db.fetch("SELECT label FROM worker_process WHERE worker_id = $1", id_)
    assert [row[0] for row in kept] == ["later"]


@pytest.mark.parametrize("customers", [None, frozenset({1, 2})], ids=["every-customer", "some-customers"])
async def test_all_lines_are_read_by_three_statements(
    db: Connection, customers: frozenset[int] | None
) -> None:
    scope = Scope(everywhere=True) if customers is None else Scope(customers=customers)
    home = Customer(1, "mill", "Mill", Domain(1, "here"), None)
    caller = Caller(Subject(1, "user", "x", "X", home), (), {Permission.VIEW_JOBS: scope})
    await worker_lines(db, caller, now=0)  # the driver asks for types once
    statements: list[str] = []

    with db.query_logger(lambda record: statements.append(record.query)):
        await worker_lines(db, caller, now=0)
        await asyncio.sleep(0)  # the logger is called in the next turn of the loop

    assert len(statements) == 3
