"""Looking changes nothing: no page leaves a trace in the database, but in the ledger, and when a session was last seen."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from kit.bank import Bank
from kit.service import Service, running
from kit.visitor import Visitor
from samplebank.database import Connection, Database, connect
from samplebank.maintenance.housekeeper import TALLY_INTERVAL
from web.walking import READ, path_of

#: the contents of a table, as one number
CONTENT = "SELECT count(*), coalesce(sum(hashtext((to_jsonb(t) - 'seen_time')::text)::bigint), 0) FROM {} t"
#: downloads are also told as events
BUT_THE_LEDGER = {"public.outbox": "(SELECT * FROM outbox WHERE kind <> 'audit')"}
#: a busy machine takes long to find the types of files
WITHOUT_TYPE = "SELECT EXISTS (SELECT FROM sample WHERE classification_wanted)"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that nobody else uses."""
    with running(tmp_path_factory.mktemp("quiet"), {"SAMPLEBANK_SWEEP_INTERVAL": "3600"}) as service:
        yield service


@pytest.fixture(scope="module")
def bank(quiet: Service) -> Bank:
    return Bank(quiet.url, quiet.keys)


@pytest.fixture(scope="module")
async def database(quiet: Service) -> AsyncIterator[Database]:
    database = await connect(quiet.database_url, most=2)
    yield database
    await database.close()


async def content(db: Connection) -> dict[str, tuple[object, ...]]:
    tables = await db.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public' "
        "AND tablename !~ '^audit' AND tablename NOT IN (SELECT relname FROM pg_class WHERE relispartition)"
    )
    return {name: tuple(await db.fetch(CONTENT.format(BUT_THE_LEDGER.get(name, name)))) for (name,) in tables}


async def still(db: Connection) -> dict[str, tuple[object, ...]]:
    """The content once the housework after the last change is done."""
    before = await content(db)
    while True:
        await asyncio.sleep(1.25 * TALLY_INTERVAL)
        if (after := await content(db)) == before and not await db.fetchval(WITHOUT_TYPE):
            return after
        before = after


async def test_looking_at_every_page_changes_nothing(
    quiet: Service, database: Database, hostile: dict[str, str]
) -> None:
    chief = Visitor(quiet.url).sign_in(quiet.keys["chief"])
    async with database.connection() as db:
        before = await still(db)

        statuses = [chief.get(path_of(path, hostile)).status for path, _ in [*READ, ("/login", None)]]

        after = await content(db)
    assert set(statuses) == {200}
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
