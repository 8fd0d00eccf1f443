"""A host warns where another host at work decides by other settings."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from kit.databases import migrated_database
from kit.service import Service
from samplebank.assembly import Bank, open_bank
from samplebank.maintenance.comparing import LATELY, UNSET, comparing_sweep, digest_of, shared
from samplebank.settings import Settings

LATER = "UPDATE service SET seen_time = seen_time - $1"


@pytest.fixture
async def own(service: Service, tmp_path: Path) -> AsyncIterator[Bank]:
    """A host on a database that no service works on."""
    settings = Settings(data_dir=tmp_path, processes=1)
    async with migrated_database(service) as url, open_bank(settings, url) as bank:
        yield bank


async def be_at_work(bank: Bank, **settings: object) -> None:
    """Another host with these settings says that it is at work."""
    other = msgspec.structs.replace(bank.settings, port=8081, **settings)
    async with open_bank(other, bank.database.url) as another:
        await comparing_sweep()(another)


@pytest.fixture(autouse=True)
def hears_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever level of the log a command of another test has set."""
    caplog.set_level(logging.WARNING)


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [vars(record)["fields"] for record in caplog.records if record.getMessage() == "settings.differ"]


async def test_a_difference_is_told_once(own: Bank, caplog: pytest.LogCaptureFixture) -> None:
    await be_at_work(own, malicious_score=80)
    sweep = comparing_sweep()

    await sweep(own)
    await sweep(own)

    (told,) = warnings(caplog)
    assert (told["setting"], told["here"], told["there"]) == ("SAMPLEBANK_MALICIOUS_SCORE", "70", "80")
    assert told["host"].endswith(":8081")


def test_a_setting_without_a_value_is_told_as_hosts_of_earlier_releases_tell(tmp_path: Path) -> None:
    told = shared(Settings(data_dir=tmp_path, webhook_secret="hush"))

    assert told["webhook_url"] == UNSET == digest_of("None")
    assert told["webhook_secret"] == digest_of("hush")


async def test_hosts_of_the_same_settings_are_silent(own: Bank, caplog: pytest.LogCaptureFixture) -> None:
    await be_at_work(own, processes=3)

    await comparing_sweep()(own)

    assert warnings(caplog) == []


async def test_a_host_that_has_gone_does_not_count(own: Bank, caplog: pytest.LogCaptureFixture) -> None:
    await be_at_work(own, malicious_score=80)
    async with own.database.connection() as db:
        await db.execute(LATER, LATELY + 3000 * own.settings.sweep_interval)

    await comparing_sweep()(own)

    assert warnings(caplog) == []


async def test_secrets_are_compared_and_neither_stored_nor_told(
    own: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    await be_at_work(own, webhook_url="https://user:hush@sink.example", webhook_secret="quiet")

    await comparing_sweep()(own)

    async with own.database.connection() as db:
        stored = await db.fetchval("SELECT string_agg(settings::text, ' ') FROM service")
    assert {told["setting"] for told in warnings(caplog)} == {
        "SAMPLEBANK_WEBHOOK_URL",
        "SAMPLEBANK_WEBHOOK_SECRET",
    }
    assert not any(secret in stored + caplog.text for secret in ("hush", "quiet"))
