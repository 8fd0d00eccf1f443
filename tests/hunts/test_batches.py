"""Batches of hunts: no sample is skipped or counted twice, and nobody sees a hit in a sample that it may not see."""

import time
from functools import partial
from typing import Any

import pytest

from hunts.hunting import (
    HUNT,
    begun,
    claim,
    claimed,
    contents,
    end,
    found_in,
    hits,
    hunt_of,
    marked,
    now,
    path_of,
    rules_for,
)
from kit.bank import V2, Bank, Sample, eventually, later, together
from samplebank.database import Database
from samplebank.hunts import model

RULES = rules_for("any")
#: SAMPLEBANK_HUNT_BYTES_PER_DAY
BUDGET = 1024**4
SPENT = """
    INSERT INTO hunt_budget (customer_id, day, bytes)
    SELECT customer_id, created_time / 86400000, $2::bigint FROM hunt WHERE id = $1::uuid
    ON CONFLICT (customer_id, day) DO UPDATE SET bytes = excluded.bytes
"""
ELAPSED = "UPDATE hunt_batch SET lease_until = 1 WHERE hunt_id = $1::uuid"


async def end_leases(database: Database, hunt: dict[str, Any]) -> None:
    async with database.connection() as db:
        await db.execute(ELAPSED, hunt["id"])


def test_a_hunt_ends_with_its_last_batch(bank: Bank) -> None:
    hunt, (newest, older) = hunt_of(bank, 2)
    batch = claimed(bank, hunt)
    executing = now(bank, hunt, "quinn")

    ended = end(bank, batch, older.sha256)

    done = now(bank, hunt, "quinn")
    assert ended.status_code == 200
    assert (executing["state"], executing["scanned"]) == ("executing", 0)
    assert (done["state"], done["scanned"], done["hits"]) == ("done", 2, 1)
    assert done["scannedBytes"] == done["bytes"] == len(newest.data) + len(older.data)
    (hit,) = hits(bank, hunt, "quinn")
    assert (hit["sha256"], hit["matches"][0]["rule"]) == (older.sha256, "found")


def test_the_content_of_a_batch_is_its_samples(bank: Bank) -> None:
    hunt, samples = hunt_of(bank, 3)

    found = contents(bank, claimed(bank, hunt))

    assert found == {sample.sha256: sample.data for sample in samples}


def test_a_large_sample_is_sent_whole(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    sample = Sample(3 * 1024 * 1024)
    bank.submit(sample, "quinn")
    hunt = begun(bank, RULES, "quinn", since=since)

    found = contents(bank, claimed(bank, hunt))

    assert found == {sample.sha256: sample.data}


def test_a_result_that_comes_again_changes_nothing(bank: Bank) -> None:
    hunt, (sample,) = hunt_of(bank, 1)
    batch = claimed(bank, hunt)

    answers = [end(bank, batch, sample.sha256) for _ in range(2)]

    done = now(bank, hunt, "quinn")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (done["scanned"], done["hits"], found_in(bank, hunt, "quinn")) == (1, 1, [sample.sha256])


async def test_a_batch_of_a_dead_worker_goes_to_another_and_counts_once(
    bank: Bank, database: Database
) -> None:
    hunt, (sample,) = hunt_of(bank, 1)
    lost = claimed(bank, hunt)
    await end_leases(database, hunt)

    second = claimed(bank, hunt)
    late = end(bank, lost, sample.sha256)
    end(bank, second, sample.sha256)

    done = now(bank, hunt, "quinn")
    assert (second["number"], second["attempt"], late.status_code) == (lost["number"], 2, 412)
    assert (done["state"], done["scanned"], done["hits"]) == ("done", 1, 1)


async def test_a_batch_that_no_worker_survives_is_given_up(bank: Bank, database: Database) -> None:
    hunt, _ = hunt_of(bank, 2)
    for _ in range(3):
        claimed(bank, hunt)
        await end_leases(database, hunt)

    claim(bank)

    done = now(bank, hunt, "quinn")
    assert (done["state"], done["scanned"], done["unscanned"]) == ("done", 0, 2)
    assert done["message"] == "Not scanned: no worker brought the batch to an end."


def test_no_batch_is_handed_out_twice(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, model.FIRST_BATCH + 1)

    answers = together([partial(claim, bank) for _ in range(6)])

    own = [batch["number"] for batches in answers for batch in batches if batch["hunt"]["id"] == hunt["id"]]
    assert sorted(own) == [1, 2]


def test_hunts_take_turns(bank: Bank) -> None:
    first, _ = hunt_of(bank, model.FIRST_BATCH + 1)
    second, _ = hunt_of(bank, 1, "hana")

    order = [claim(bank)[0]["hunt"]["id"] for _ in range(3)]

    assert order == [first["id"], second["id"], first["id"]]


def test_tasks_of_the_worker_come_before_hunts(bank: Bank) -> None:
    worker, idle = bank.workers(2)
    hunt, _ = hunt_of(bank, 1)
    bank.planned(worker)

    nothing = claim(bank, workers=[worker, idle])
    bank.claim(worker)
    batch = claimed(bank, hunt, workers=[worker, idle])

    assert (nothing, batch["number"]) == ([], 1)


def test_a_task_that_was_put_off_keeps_no_hunt_waiting(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    hunt, _ = hunt_of(bank, 1)
    bank.planned(worker)
    (task,) = bank.claim(worker)
    assert bank.release(task, delay=600).ok

    assert claimed(bank, hunt, workers=[worker])["number"] == 1


def test_a_task_of_a_customer_for_whom_the_worker_does_not_work_keeps_no_hunt_waiting(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    hunt, _ = hunt_of(bank, 1, "hana")
    bank.planned(worker)

    assert claimed(bank, hunt, "hank", workers=[worker])["number"] == 1


def test_a_task_of_a_deleted_worker_of_the_same_name_keeps_no_hunt_waiting(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    hunt, _ = hunt_of(bank, 1)
    bank.planned(worker)
    assert bank.delete(f"{V2}/worker/{worker}").ok
    bank.worker(shortName=worker)

    assert claimed(bank, hunt, workers=[worker])["number"] == 1


def test_a_claim_waits_for_a_hunt(bank: Bank) -> None:
    while claim(bank):
        pass

    def hunted() -> list[dict[str, Any]]:
        return [hunt_of(bank, 1)[0]]

    def waited() -> list[dict[str, Any]]:
        return [batch["hunt"] for batch in claim(bank, waitSeconds=30)]

    (batch,), (hunt,) = together([waited, hunted])

    assert batch["id"] == hunt["id"]


def test_a_cancelled_hunt_keeps_its_hits_and_takes_no_more(bank: Bank) -> None:
    hunt, samples = hunt_of(bank, model.FIRST_BATCH + 1)
    end(bank, claimed(bank, hunt), samples[0].sha256)
    batch = claimed(bank, hunt)

    cancelled = bank.data(bank.delete(f"{HUNT}/{hunt['id']}", "quinn"))

    again = bank.data(bank.delete(f"{HUNT}/{hunt['id']}", "quinn"))
    late = end(bank, batch, samples[-1].sha256)
    beat = bank.post(f"{path_of(batch)}/heartbeat", {"leaseToken": batch["leaseToken"]})
    assert (cancelled["state"], cancelled["message"]) == ("cancelled", "Cancelled by quinn.")
    assert (again["endTimestamp"], late.status_code, beat.status_code) == (
        cancelled["endTimestamp"],
        412,
        412,
    )
    assert found_in(bank, hunt, "quinn") == [samples[0].sha256]


def test_a_done_hunt_cannot_be_cancelled_and_others_cancel_nothing(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 1)
    unseen = bank.delete(f"{HUNT}/{hunt['id']}", "hana")
    only_seen = bank.delete(f"{HUNT}/{hunt['id']}", "gus")
    end(bank, claimed(bank, hunt))

    done = bank.delete(f"{HUNT}/{hunt['id']}", "quinn")

    assert (unseen.status_code, only_seen.status_code, done.status_code) == (404, 403, 412)


def test_deleted_samples_are_passed_over(bank: Bank) -> None:
    hunt, (newest, older) = hunt_of(bank, 2)
    deleted(bank, newest)

    batch = claimed(bank, hunt)
    found = contents(bank, batch)
    end(bank, batch, older.sha256, scanned=1)

    done = now(bank, hunt, "quinn")
    assert found == {newest.sha256: None, older.sha256: older.data}
    assert (done["state"], done["scanned"], done["passedOver"]) == ("done", 1, 1)


def test_a_sample_deleted_during_the_scan_is_no_hit(bank: Bank) -> None:
    hunt, (newest, older) = hunt_of(bank, 2)
    batch = claimed(bank, hunt)
    deleted(bank, newest)

    found = contents(bank, batch)
    ended = end(bank, batch, newest.sha256, older.sha256)

    assert (ended.status_code, found) == (200, {newest.sha256: None, older.sha256: older.data})
    assert found_in(bank, hunt, "chief") == found_in(bank, hunt, "quinn") == [older.sha256]


def test_bytes_uploaded_again_after_a_deletion_are_another_sample(bank: Bank) -> None:
    hunt, (sample,) = hunt_of(bank, 1)
    deleted(bank, sample)
    bank.submit(sample, "quinn")

    found = contents(bank, claimed(bank, hunt))

    assert found == {sample.sha256: None}


def test_the_deletion_of_a_sample_takes_its_hits(bank: Bank) -> None:
    hunt, (newest, older) = hunt_of(bank, 2)
    end(bank, claimed(bank, hunt), newest.sha256, older.sha256)

    deleted(bank, newest)

    assert found_in(bank, hunt, "quinn") == found_in(bank, hunt, "chief") == [older.sha256]


def test_a_hit_is_seen_by_who_sees_hunt_and_sample(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    foreign = marked(bank, "any", "hana")
    own = marked(bank, "any", "mia")
    hunt = begun(bank, RULES, "chief", since=since)
    end(bank, claimed(bank, hunt), own.sha256, foreign.sha256)

    told = now(bank, hunt, "mia")

    assert found_in(bank, hunt, "chief") == [own.sha256, foreign.sha256]
    assert (found_in(bank, hunt, "mia"), told["hits"]) == ([own.sha256], 1)
    assert bank.get(f"{HUNT}/{hunt['id']}/hits", "hana").status_code == 404


async def test_the_first_hit_of_a_hunt_is_the_first_that_the_reader_sees(
    bank: Bank, database: Database
) -> None:
    since = later(time.time_ns() // 1_000_000)
    foreign, own = marked(bank, "any", "hana"), marked(bank, "any", "mia")
    hunt = begun(bank, RULES, "chief", since=since)
    end(bank, claimed(bank, hunt), own.sha256, foreign.sha256)
    async with database.connection() as db:
        await db.execute(
            "UPDATE hunt_hit x SET created_time = x.created_time - 5000 FROM sample s"
            " WHERE s.id = x.sample_id AND s.sha256 = $1",
            bytes.fromhex(foreign.sha256),
        )

    first = {user: now(bank, hunt, user)["firstHitTimestamp"] for user in ("mia", "chief")}

    (seen,) = hits(bank, hunt, "mia")
    assert first == {"mia": seen["foundTimestamp"], "chief": seen["foundTimestamp"] - 5000}


def test_a_batch_is_of_the_worker_that_claimed_it_and_of_no_other_with_its_token(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 1, "mia")
    batch = claimed(bank, hunt)
    lease = {"Samplebank-Lease": batch["leaseToken"]}

    # analyzer works for the customer of the hunt, too
    refused = [
        bank.post(f"{path_of(batch)}/heartbeat", {"leaseToken": batch["leaseToken"]}, "analyzer"),
        bank.call("GET", f"{path_of(batch)}/content", "analyzer", headers=lease),
        end(bank, batch, user="analyzer"),
    ]

    assert [answer.status_code for answer in refused] == [412] * 3
    assert end(bank, batch).status_code == 200


def test_a_worker_gets_batches_of_customers_for_which_it_works(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    marked(bank, "any", "mia")
    wide = begun(bank, RULES, "chief", since=since)
    batch = claimed(bank, wide)

    # hank works for the harbour, and the hunt is for the mill
    refused = [
        bank.post(f"{path_of(batch)}/heartbeat", {"leaseToken": batch["leaseToken"]}, "hank"),
        end(bank, batch, user="hank"),
        bank.call(
            "GET", f"{path_of(batch)}/content", "hank", headers={"Samplebank-Lease": batch["leaseToken"]}
        ),
    ]

    assert [answer.status_code for answer in refused] == [404] * 3
    # analyzer works for the mill, but the user of the hunt may download the samples of every customer
    assert end(bank, batch, user="analyzer").status_code == 404
    assert all(one["hunt"]["id"] != wide["id"] for one in claim(bank, "analyzer"))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"scanned": 3}, 412),
        ({"scannedBytes": 10**9}, 412),
        ({"scanned": 1, "unscanned": 5}, 412),
        ({"leaseToken": "00000000-0000-0000-0000-000000000000"}, 412),
        ({"hits": [{"sample": "nonsense", "matches": [{}]}]}, 412),
        ({"hits": [{"sample": "0" * 64, "matches": []}]}, 412),
        ({"unknown": 1}, 412),
    ],
    ids=str,
)
def test_a_result_that_cannot_be_is_refused(bank: Bank, fields: dict[str, Any], status: int) -> None:
    hunt, _ = hunt_of(bank, 2)
    batch = claimed(bank, hunt)

    assert end(bank, batch, **fields).status_code == status
    assert end(bank, batch).status_code == 200


async def test_a_hunt_ends_when_it_has_found_enough(bank: Bank, database: Database) -> None:
    hunt, samples = hunt_of(bank, model.FIRST_BATCH + 1)
    batch = claimed(bank, hunt)
    async with database.connection() as db:
        await db.execute("UPDATE hunt SET hits = $2 WHERE id = $1::uuid", hunt["id"], model.MOST_HITS - 1)

    end(bank, batch, samples[0].sha256, samples[1].sha256)

    done = now(bank, hunt, "quinn")
    assert (done["state"], found_in(bank, hunt, "quinn")) == ("done", [samples[0].sha256])
    assert "10000 samples found" in done["message"]


async def test_hunts_of_a_customer_wait_when_they_have_looked_at_enough_bytes(
    bank: Bank, database: Database
) -> None:
    hunt, samples = hunt_of(bank, model.FIRST_BATCH + 1)
    other, _ = hunt_of(bank, 1, "hana")
    first = sum(len(sample.data) for sample in samples[: model.FIRST_BATCH])
    async with database.connection() as db:
        await db.execute(SPENT, hunt["id"], BUDGET - first)

    batch = claimed(bank, hunt)
    end(bank, batch)
    nothing = [one["hunt"]["id"] for _ in range(3) for one in claim(bank)]

    waiting = now(bank, hunt, "quinn")
    async with database.connection() as db:
        await db.execute("DELETE FROM hunt_budget")
    assert (batch["number"], nothing) == (1, [other["id"]])
    assert waiting["state"] == "executing"
    assert waiting["waitsUntil"] % model.DAY == 0
    assert "as many bytes today as a customer may" in waiting["message"]


def test_a_hit_in_a_sample_outside_of_the_batch_is_not_stored(bank: Bank) -> None:
    other = marked(bank, "any", "quinn")
    hunt, (sample,) = hunt_of(bank, 1)

    end(bank, claimed(bank, hunt), other.sha256)

    assert found_in(bank, hunt, "chief") == []
    assert now(bank, hunt, "quinn")["scanned"] == 1
    assert sample.sha256 != other.sha256


def deleted(bank: Bank, sample: Sample) -> None:
    bank.data(bank.delete(sample.path, "chief"))
    assert eventually(lambda: bank.get(f"{sample.path}/raw", "quinn").status_code == 404)
