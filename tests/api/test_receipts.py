"""Receipts of deletions: what is told before, what is signed afterwards, and whether nothing is left."""

import base64
from typing import Any

import msgspec
import pytest

from api.deleting import full_sample, row_of, wait_for
from kit.bank import CHIEF, Bank, Sample, eventually
from kit.children import Parent, some_bytes
from kit.service import Service
from samplebank.blobs import DiskStore
from samplebank.database import Connection, Database
from samplebank.errors import Invalid
from samplebank.receipts import Receipt, check, new_key, sign
from samplebank.service_tasks.proof import STAYING, TRACES, look

RECEIPTS = "/samplebank/v1/receipts"


def preview(bank: Bank, sample: Sample, user: str = CHIEF) -> dict[str, Any]:
    seen: dict[str, Any] = bank.data(bank.get(f"/samplebank/v1/sample/{sample.sha256}/deletion", user))
    return seen


def receipts(bank: Bank, sample: Sample, user: str = CHIEF) -> list[Receipt]:
    return msgspec.convert(bank.data(bank.get(RECEIPTS, user, sha256=sample.sha256)), list[Receipt])


def public_keys(bank: Bank) -> dict[str, bytes]:
    told = bank.data(bank.get(f"{RECEIPTS}/keys", None))
    return {one["id"]: base64.b64decode(one["publicKey"]) for one in told}


def test_a_preview_counts_what_would_go_and_deletes_nothing(bank: Bank) -> None:
    sample = full_sample(bank, b"evidence")

    first, second = preview(bank, sample), preview(bank, sample)

    assert first == second
    assert {name: first[name] for name in ("size", "submissions", "jobs", "analyses", "links", "notes", "facts")} == {
        "size": len(sample.data), "submissions": 1, "jobs": 1, "analyses": 1, "links": 1, "notes": 1, "facts": 1,
    }  # fmt: skip
    assert (first["evidence"], first["evidenceBytes"]) == (1, len(b"evidence"))


def test_a_preview_counts_everything_that_came_out_of_the_sample(bank: Bank) -> None:
    top = Parent(bank)
    middle = top.found(some_bytes())
    bottom = Sample(data=some_bytes())
    middle.add(bottom.data)

    seen = preview(bank, top.sample)

    assert (seen["children"], seen["childrenBytes"]) == (2, len(middle.sample.data) + len(bottom.data))


def test_a_preview_does_not_count_what_the_caller_may_not_see(bank: Bank) -> None:
    sample = bank.submitted()
    bank.submit(sample, "hana")

    assert preview(bank, sample, "boss")["submissions"] == 1
    assert preview(bank, sample, CHIEF)["submissions"] == 2


def test_a_deletion_ends_with_a_receipt_that_the_public_key_of_the_installation_checks(bank: Bank) -> None:
    sample = full_sample(bank)
    seen = preview(bank, sample)

    correlation = wait_for(bank, bank.delete(sample.path))

    (receipt,) = receipts(bank, sample)
    check(receipt, public_keys(bank))
    said = receipt.statement
    assert (said["sha256"], said["size"], said["askedBy"]) == (sample.sha256, len(sample.data), CHIEF)
    assert said["correlationID"] == correlation
    assert said["asked"]["seen"] == {name: seen[name] for name in seen if name not in {"sha256", "size"}}
    assert said["proof"]["outcome"] == "nothingLeft"
    assert not any(said["proof"]["rows"].values())


def test_each_child_that_goes_has_a_receipt_that_names_its_parent(bank: Bank) -> None:
    parent = Parent(bank)
    child = Sample(data=some_bytes())
    parent.add(child.data)

    wait_for(bank, bank.delete(parent.sample.path))

    assert eventually(lambda: bool(receipts(bank, child)))
    (receipt,) = receipts(bank, child)
    assert receipt.statement["asked"]["cameOutOf"] == parent.sample.sha256


def test_receipts_are_for_the_user_who_asked(bank: Bank) -> None:
    sample = bank.submitted()

    wait_for(bank, bank.delete(sample.path, "boss"))

    assert len(receipts(bank, sample, "boss")) == 1
    assert len(receipts(bank, sample, CHIEF)) == 1
    assert receipts(bank, sample, "mia") == []


def test_a_receipt_is_found_by_the_task_that_deleted_the_sample(bank: Bank) -> None:
    deletions = [bank.delete(bank.submitted().path) for _ in range(2)]
    first, second = (wait_for(bank, one) for one in deletions)

    found = {one: bank.data(bank.get(RECEIPTS, correlationID=one)) for one in (first, second)}

    assert {one: [seen["statement"]["correlationID"] for seen in found[one]] for one in found} == {
        first: [first], second: [second],
    }  # fmt: skip


def test_a_wrong_digest_is_named(bank: Bank) -> None:
    refused = bank.get(RECEIPTS, sha256="abc")

    assert refused.status_code == 412
    assert refused.json()["messages"][0]["field"] == "sha256"


# -- signatures


def signed(statement: dict[str, Any]) -> tuple[Receipt, dict[str, bytes]]:
    key = new_key()
    signature = base64.b64encode(sign(statement, key.private)).decode()
    return Receipt(statement, key.id, signature), {key.id: key.public}


def test_the_order_of_names_does_not_matter_to_a_signature() -> None:
    receipt, keys = signed({"a": 1, "b": {"d": 1, "c": "ü"}})

    check(msgspec.structs.replace(receipt, statement={"b": {"c": "ü", "d": 1}, "a": 1}), keys)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"statement": {"a": 2}}, id="another statement"),
        pytest.param({"signature": base64.b64encode(bytes(64)).decode()}, id="another signature"),
        pytest.param({"signature": "AAAA"}, id="a short signature"),
        pytest.param({"signature": "no Base64!"}, id="no signature"),
        pytest.param({"key_id": "0" * 16}, id="an unknown key"),
    ],
)
def test_a_changed_receipt_is_refused(changes: dict[str, Any]) -> None:
    receipt, keys = signed({"a": 1})

    with pytest.raises(Invalid):
        check(msgspec.structs.replace(receipt, **changes), keys)


# -- the proof


async def test_what_is_left_of_a_sample_is_told(bank: Bank, service: Service, database: Database) -> None:
    sample = full_sample(bank)

    async with database.connection() as db:
        row = await row_of(db, sample)
        found = await look(db, DiskStore(service.blobs), row.id, row.sha256, [])

    assert found.bytes_stored
    assert {"submission", "job", "analysis", "link", "sample_note", "static_fact", "sample"} <= {
        table for table, number in found.rows.items() if number
    }


async def test_every_table_that_names_samples_is_looked_at_or_stays(db: Connection) -> None:
    named = await db.fetch("""
        SELECT table_name, column_name FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name IN ('sample_id', 'parent_id')
           AND table_name NOT IN ('customer', 'service_task')
           AND table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition)
    """)

    looked_at = {(table, column) for table, columns in TRACES.items() for column in columns}
    rest = {(row[0], row[1]) for row in named} - looked_at
    assert {table for table, _ in rest} == STAYING | {"derived_value"}


async def test_every_look_has_an_index(db: Connection) -> None:
    indexed = await db.fetch("""
        SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE i.indpred IS NULL
    """)

    looked_at = {(table, column) for table, columns in TRACES.items() for column in columns}
    assert looked_at - {(row[0], row[1]) for row in indexed} == set()
