"""Complete deletion: what goes, and what stays."""

import pytest

from api.deleting import full_sample, held, rows_of, task_of, wait_for
from kit.bank import V2, Bank, Sample, name_of
from kit.service import Service
from samplebank.database import Database

LOCK_SAMPLE = "SELECT FROM sample WHERE sha256 = $1 FOR KEY SHARE"


async def test_everything_of_a_deleted_sample_goes(bank: Bank, service: Service, database: Database) -> None:
    sample = full_sample(bank, name_of("only here").encode())
    before = set((service.blobs / "evidence").glob("*/*"))

    wait_for(bank, bank.delete(sample.path))

    async with database.connection() as db:
        assert await rows_of(db, sample) == {}
    assert len(before - set((service.blobs / "evidence").glob("*/*"))) == 1
    assert not (service.blobs / "sample" / sample.sha256[:2] / sample.sha256).exists()


@pytest.mark.parametrize(
    ("path", "query"), [(f"{V2}/sample", {}), ("/samplebank/v1/sample", {"fileName": "a"})]
)
def test_a_repeat_after_the_deletion_puts_no_bytes_back(
    bank: Bank, service: Service, path: str, query: dict[str, str]
) -> None:
    sample, key = Sample(), {"Idempotency-Key": name_of("key")}
    first = bank.call("POST", path, data=sample.data, params=query, headers=key)
    wait_for(bank, bank.delete(sample.path))

    again = bank.call("POST", path, data=sample.data, params=query, headers=key)

    assert (again.status_code, again.content) == (201, first.content)
    assert not (service.blobs / "sample" / sample.sha256[:2] / sample.sha256).exists()


def test_evidence_that_another_analysis_has_keeps_its_bytes(bank: Bank) -> None:
    content = name_of("shared").encode()
    sample, other = full_sample(bank, content), full_sample(bank, content)

    wait_for(bank, bank.delete(sample.path))

    (analysis,) = bank.data(bank.get(f"{other.path}/analysis"))
    place = f"{other.path}/analysis/{analysis['analysisID']}/evidence"
    (evidence,) = bank.data(bank.get(place))
    assert bank.get(f"{place}/{evidence['id']}/download").content == content


def test_the_record_is_seen_by_those_who_may_delete_only(bank: Bank) -> None:
    sample = bank.submitted()

    wait_for(bank, bank.delete(sample.path))

    record = bank.data(bank.get(sample.path, "boss"))
    assert (record["size"], record["flags"]) == (len(sample.data), ["deleted"])
    assert not record.keys() & {"md5", "sha1", "sha512", "latestClassification", "latestVerdict"}
    assert bank.get(sample.path, "mia").status_code == 404
    assert bank.get(sample.path, "analyzer").status_code == 404


def test_a_sample_that_other_customers_have_is_not_deleted_by_an_administrator_of_one(bank: Bank) -> None:
    sample = bank.submitted()
    bank.submit(sample, "hana")

    refused = bank.delete(sample.path, "boss")

    assert refused.status_code == 403
    assert bank.get(f"{sample.path}/raw", "hana").status_code == 200


def test_an_administrator_of_another_customer_finds_nothing_to_delete(bank: Bank) -> None:
    sample = bank.submitted("hana")

    refused = bank.delete(sample.path, "boss")

    assert refused.status_code == 404


async def test_many_submissions_are_deleted_in_batches(bank: Bank, database: Database) -> None:
    sample = bank.submitted()
    columns = (
        "sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,"
        " meta_data, observed_time, submitted_time, expiry_time, trusted_agent"
    )
    async with database.connection() as db:
        await db.execute(
            f"INSERT INTO submission (id, {columns}) SELECT gen_random_uuid(), {columns}"
            " FROM submission, generate_series(1, 2500)"
            " WHERE sample_id = (SELECT id FROM sample WHERE sha256 = $1)",
            bytes.fromhex(sample.sha256),
        )

    correlation = wait_for(bank, bank.delete(sample.path))

    context = task_of(bank, correlation)["responseContext"]
    assert isinstance(context, dict)
    assert context["submissions"] == "2501"


# -- repetitions


async def test_a_deletion_asked_for_twice_is_one_task(bank: Bank, database: Database) -> None:
    sample = bank.submitted()
    async with held(database, LOCK_SAMPLE, sample):
        first = bank.delete(sample.path)

        second = bank.delete(sample.path)

    assert second.json()["data"] == first.json()["data"]
    wait_for(bank, first)


def test_the_record_of_a_deleted_sample_may_be_deleted_again(bank: Bank) -> None:
    sample = bank.submitted()
    first = wait_for(bank, bank.delete(sample.path))

    again = wait_for(bank, bank.delete(sample.path))

    assert again != first
    assert bank.data(bank.get(sample.path))["flags"] == ["deleted"]
