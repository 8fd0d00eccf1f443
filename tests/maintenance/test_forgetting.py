"""Events go after their retention, and the operator hears of those that nobody got."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.reading import READER, add, read_on
from kit.databases import migrated_database
from kit.service import Service
from samplebank.assembly import Bank, open_bank
from samplebank.events import outbox
from samplebank.events.feed import BEGINNING
from samplebank.maintenance.forgetting import forget_old_events
from samplebank.settings import Settings


@pytest.fixture
async def sending(service: Service, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank with a webhook."""
    settings = Settings(data_dir=tmp_path, webhook_url="http://127.0.0.1:9", webhook_secret="hush")
    async with migrated_database(service) as url, open_bank(settings, url) as bank:
        yield bank


@pytest.mark.parametrize(("is_delivered", "told"), [(False, ["events.forgotten"]), (True, [])])
async def test_events_that_are_forgotten_before_a_sink_got_them_are_told(
    sending: Bank, caplog: pytest.LogCaptureFixture, *, is_delivered: bool, told: list[str]
) -> None:
    async with sending.database.connection() as db:
        await add(db, moment=1)
        await read_on(db, BEGINNING, 1)
        (event,) = await outbox.take(db, READER, 1, lease=1, now=1)
        if is_delivered:
            await outbox.note_published(db, READER.name, event)

    await forget_old_events(sending)

    assert [one.getMessage() for one in caplog.records] == told
