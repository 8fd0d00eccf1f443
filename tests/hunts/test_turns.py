"""Turns of hunts: a worker brings what it scanned in its time, and the rest of the batch waits for another turn."""

from typing import Any

import pytest
import requests

from hunts.hunting import claim, claimed, end, found_in, hunt_of, now, path_of
from kit.bank import Bank
from samplebank.database import Database
from samplebank.hunts import model

SPENT = """
    SELECT sum(b.bytes) FROM hunt_budget b JOIN hunt h ON h.customer_id = b.customer_id WHERE h.id = $1::uuid
"""

#: what a hunt looked at before
LOOKED_AT = """
    UPDATE hunt SET samples = samples + $2::int + $3::int, scanned = $2::int, unscanned = $3::int WHERE id = $1::uuid
"""
TOO_SLOW = "The scan took longer than 10 seconds."


def brought(
    bank: Bank, batch: dict[str, Any], looked_at: int, *found: str, **fields: Any
) -> requests.Response:
    """Bring a result for the first samples of a batch, with hits in the samples `found`."""
    size = sum(sample["size"] for sample in batch["samples"][:looked_at])
    told = {"lookedAt": looked_at, "scanned": looked_at, "scannedBytes": size}
    return end(bank, batch, *found, **{**told, **fields})


def test_the_rest_of_a_batch_waits_for_another_turn_and_each_sample_counts_once(bank: Bank) -> None:
    hunt, samples = hunt_of(bank, 5)
    ids = [sample.sha256 for sample in samples]
    first = claimed(bank, hunt)
    brought(bank, first, 2, ids[1])
    executing = now(bank, hunt, "quinn")

    second = claimed(bank, hunt)
    end(bank, second, ids[4], ids[2])

    done = now(bank, hunt, "quinn")
    assert [sample["id"] for sample in first["samples"]] == ids
    assert [sample["id"] for sample in second["samples"]] == ids[2:]
    assert (executing["state"], executing["scanned"], executing["hits"]) == ("executing", 2, 1)
    assert (done["state"], done["scanned"], done["scannedBytes"]) == ("done", 5, done["bytes"])
    assert found_in(bank, hunt, "quinn") == [ids[1], ids[2], ids[4]]


def test_a_claim_tells_how_long_a_batch_is_scanned(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 1)

    batch = claimed(bank, hunt)

    assert batch["seconds"] == model.TURN_SECONDS


def test_a_result_for_a_part_that_comes_again_changes_nothing(bank: Bank) -> None:
    hunt, samples = hunt_of(bank, 3)
    batch = claimed(bank, hunt)

    answers = [brought(bank, batch, 1, samples[0].sha256) for _ in range(2)]
    claimed(bank, hunt)
    late = brought(bank, batch, 1, samples[0].sha256)

    told = now(bank, hunt, "quinn")
    assert [answer.status_code for answer in (*answers, late)] == [200, 200, 412]
    assert (told["scanned"], told["hits"]) == (1, 1)


def test_a_worker_that_brought_a_part_holds_the_rest_no_longer(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 2)
    batch = claimed(bank, hunt)

    brought(bank, batch, 1)

    beat = bank.post(f"{path_of(batch)}/heartbeat", {"leaseToken": batch["leaseToken"]}, "chief")
    lease = {"Samplebank-Lease": batch["leaseToken"]}
    content = bank.call("GET", f"{path_of(batch)}/content", "chief", headers=lease)
    assert (beat.status_code, content.status_code) == (412, 412)
    assert len(claimed(bank, hunt)["samples"]) == 1


def test_turns_that_bring_a_part_are_no_failed_attempts(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 6)

    attempts = []
    for _ in range(5):
        attempts.append((batch := claimed(bank, hunt))["attempt"])
        brought(bank, batch, 1)
    end(bank, claimed(bank, hunt))

    done = now(bank, hunt, "quinn")
    assert attempts == [1] * 5
    assert (done["state"], done["scanned"], done["unscanned"]) == ("done", 6, 0)


def test_samples_that_were_deleted_are_passed_over_by_the_turn_that_comes_to_them(bank: Bank) -> None:
    hunt, _ = hunt_of(bank, 4)

    brought(bank, claimed(bank, hunt), 3, scanned=1, unscanned=1, reason="The scan took too long.")

    told = now(bank, hunt, "quinn")
    assert (told["scanned"], told["unscanned"], told["passedOver"]) == (1, 1, 1)
    assert told["message"] == "The scan took too long."
    assert len(claimed(bank, hunt)["samples"]) == 1


async def test_the_rest_of_a_batch_is_charged_to_the_budget_once(bank: Bank, database: Database) -> None:
    async with database.connection() as db:
        await db.execute("DELETE FROM hunt_budget")
    hunt, samples = hunt_of(bank, 4)

    for _ in range(3):
        brought(bank, claimed(bank, hunt), 1)
    end(bank, claimed(bank, hunt))

    async with database.connection() as db:
        spent = await db.fetchval(SPENT, hunt["id"])
    assert (spent, now(bank, hunt, "quinn")["state"]) == (sum(len(sample.data) for sample in samples), "done")


def test_a_hit_behind_what_was_looked_at_is_not_stored(bank: Bank) -> None:
    hunt, samples = hunt_of(bank, 2)

    brought(bank, claimed(bank, hunt), 1, samples[1].sha256)

    assert found_in(bank, hunt, "quinn") == []


@pytest.mark.parametrize(
    "fields", [{"lookedAt": 0}, {"lookedAt": 3}, {"lookedAt": 1, "scanned": 2}, {"unscanned": 1}], ids=str
)
def test_a_part_that_cannot_be_is_refused(bank: Bank, fields: dict[str, Any]) -> None:
    hunt, _ = hunt_of(bank, 2)
    batch = claimed(bank, hunt)

    assert brought(bank, batch, 1, **fields).status_code == 412
    assert brought(bank, batch, 1).status_code == 200


def test_a_hunt_that_used_its_time_up_lets_others_go_first(bank: Bank) -> None:
    slow, _ = hunt_of(bank, 3)
    quick, _ = hunt_of(bank, model.FIRST_BATCH + 1, "hana")
    first = claimed(bank, slow)
    end(bank, claimed(bank, quick))

    brought(bank, first, 1)

    order = []
    for _ in range(2):
        order.append((batch := claim(bank)[0])["hunt"]["id"])
        end(bank, batch)
    assert order == [quick["id"], slow["id"]]


def test_a_customer_with_many_hunts_leaves_places_to_others(bank: Bank) -> None:
    many = [hunt_of(bank, 1)[0]["id"] for _ in range(3)]
    one, _ = hunt_of(bank, model.FIRST_BATCH + 1, "hana")
    first = claim(bank)[0]

    order = []
    for _ in range(2):
        order.append((batch := claim(bank)[0])["hunt"]["id"])
        end(bank, batch)

    assert first["hunt"]["id"] == many[0]
    assert order == [one["id"], one["id"]]


def test_a_hunt_takes_a_second_place_after_hunts_without_a_place(bank: Bank) -> None:
    large, _ = hunt_of(bank, model.FIRST_BATCH + 1)
    small, _ = hunt_of(bank, model.FIRST_BATCH + 1)
    claimed(bank, large)
    end(bank, claimed(bank, small))

    batch = claim(bank)[0]

    assert batch["hunt"]["id"] == small["id"]


async def test_a_hunt_whose_rules_take_too_long_for_very_many_samples_ends_with_the_reason(
    bank: Bank, database: Database
) -> None:
    hunt, samples = hunt_of(bank, 3)
    async with database.connection() as db:
        await db.execute(LOOKED_AT, hunt["id"], 500, model.HOPELESS - 1)
    batch = claimed(bank, hunt)

    answers = [
        brought(bank, batch, 2, samples[0].sha256, scanned=1, unscanned=1, reason=TOO_SLOW) for _ in range(2)
    ]

    told = now(bank, hunt, "quinn")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert told["state"] == "done"
    assert told["message"] == (
        f"The hunt ended: 100 of 601 samples could not be scanned, the latest for this reason: {TOO_SLOW} "
        "Write quicker rules, or hunt through fewer samples."
    )
    assert found_in(bank, hunt, "quinn") == [samples[0].sha256]
    assert claim(bank) == []


@pytest.mark.parametrize(
    ("scanned", "unscanned"),
    [(0, model.HOPELESS - 2), (10 * model.HOPELESS, model.HOPELESS)],
    ids=["few", "rare"],
)
async def test_a_hunt_goes_on_while_few_of_its_samples_take_too_long(
    bank: Bank, database: Database, scanned: int, unscanned: int
) -> None:
    hunt, _ = hunt_of(bank, 2)
    async with database.connection() as db:
        await db.execute(LOOKED_AT, hunt["id"], scanned, unscanned)

    brought(bank, claimed(bank, hunt), 1, scanned=0, unscanned=1, reason=TOO_SLOW)

    told = now(bank, hunt, "quinn")
    assert (told["state"], told["message"]) == ("executing", TOO_SLOW)
    assert len(claimed(bank, hunt)["samples"]) == 1


async def test_a_hunt_is_not_ended_for_damaged_samples(bank: Bank, database: Database) -> None:
    hunt, _ = hunt_of(bank, model.FIRST_BATCH + 1)
    async with database.connection() as db:
        await db.execute(LOOKED_AT, hunt["id"], 0, model.HOPELESS)

    end(bank, claimed(bank, hunt), scanned=model.FIRST_BATCH - 1, unscanned=1, reason="Damaged.")

    assert now(bank, hunt, "quinn")["state"] == "executing"
