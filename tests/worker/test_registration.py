"""The service's description of a worker follows the analyser, if the key may change the description."""

import logging
from typing import Any

import pytest

from kit.bank import CHIEF, ROBOT, V2, Bank, name_of
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import ServiceRefused
from samplebank.worker.inside import Description
from samplebank.worker.registration import DescriptionRefused, Standing, ensure_registered

OLD = {"type": "object"}
NEW = {"type": "object", "required": ["size"]}


def described(worker: dict[str, Any], **changes: Any) -> Description:
    """An analyser as the service knows the analyser, but for the changes."""
    known = {
        "names": worker["localizedNames"],
        "descriptions": worker["localizedDescriptions"],
        "schema": OLD,
        **changes,
    }
    return Description(
        short_name=worker["shortName"], version="1", memory_bytes=1, seconds=1.0, folders=(), **known
    )


async def ensure(bank: Bank, user: str, description: Description) -> Standing:
    async with ServiceClient(bank.url, bank.keys[user]) as client:
        return await ensure_registered(client, description)


async def test_a_new_analyser_is_registered(bank: Bank) -> None:
    name, texts = name_of("w"), {"english": "New"}
    worker = {"shortName": name, "localizedNames": texts, "localizedDescriptions": texts}

    await ensure(bank, CHIEF, described(worker))

    assert bank.data(bank.get(f"{V2}/worker/{name}"))["localizedNames"] == texts
    assert bank.get(f"{V2}/worker/{name}/schema").json() == OLD


@pytest.mark.parametrize(
    "change",
    [{"names": {"english": "Other"}}, {"descriptions": {"english": "Other"}}, {"schema": NEW}],
    ids=["names", "descriptions", "schema"],
)
async def test_a_changed_analyser_is_brought_up_to_date(bank: Bank, change: dict[str, Any]) -> None:
    description = described(bank.worker(schema=OLD), **change)

    await ensure(bank, CHIEF, description)

    known = bank.data(bank.get(f"{V2}/worker/{description.short_name}"))
    schema = bank.get(f"{V2}/worker/{description.short_name}/schema").json()
    assert (known["localizedNames"], known["localizedDescriptions"], schema) == (
        description.names,
        description.descriptions,
        description.schema,
    )


async def test_an_unchanged_analyser_changes_nothing(bank: Bank) -> None:
    worker = bank.worker(schema=OLD)

    await ensure(bank, CHIEF, described(worker))

    assert bank.data(bank.get(f"{V2}/worker/{worker['shortName']}")) == worker


async def test_a_key_that_may_not_change_a_worker_works_with_the_old_description(
    bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bank.worker(schema=OLD)

    with caplog.at_level(logging.WARNING, "samplebank.worker"):
        await ensure(bank, ROBOT, described(worker, schema=NEW))

    assert [record.getMessage() for record in caplog.records] == ["worker.outdated"]
    assert "`samplebank worker register`" in vars(caplog.records[0])["fields"]["reason"]
    assert bank.get(f"{V2}/worker/{worker['shortName']}/schema").json() == OLD


async def test_a_description_that_the_service_refuses_is_told_with_its_field(bank: Bank) -> None:
    worker = {"shortName": name_of("w"), "localizedNames": {}, "localizedDescriptions": {"english": "New"}}

    with pytest.raises(DescriptionRefused, match="localizedNames needs a text in english"):
        await ensure(bank, CHIEF, described(worker))


async def test_a_changed_description_that_the_service_refuses_is_told_as_refused(
    bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bank.worker(schema=OLD)

    with caplog.at_level(logging.WARNING, "samplebank.worker"):
        standing = await ensure(bank, CHIEF, described(worker, schema={"type": "objekt"}))

    (record,) = caplog.records
    reason = vars(record)["fields"]["reason"]
    assert standing is Standing.REFUSED
    assert "the service refuses the new ones" in reason
    assert "The schema is not a JSON Schema" in reason
    assert "this key may not" not in reason
    assert bank.get(f"{V2}/worker/{worker['shortName']}/schema").json() == OLD


async def test_an_address_without_a_service_is_no_fault_of_the_class(bank: Bank) -> None:
    worker = {"shortName": name_of("w"), "localizedNames": {}, "localizedDescriptions": {}}

    async with ServiceClient(f"{bank.url}/nowhere", bank.keys[CHIEF]) as client:
        with pytest.raises(ServiceRefused, match="The address may be wrong"):
            await ensure_registered(client, described(worker))
