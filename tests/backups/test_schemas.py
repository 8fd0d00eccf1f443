"""Backups of a database that is not the service's alone, and of tables in another schema than `public`."""

import secrets
from pathlib import Path

import pytest
from bench.databases import connected

from kit.databases import migrated_database, own_database
from kit.service import Service
from samplebank.backups import schemas
from samplebank.backups.dumping import dump, restore
from samplebank.backups.sessions import alone

#: versions of servers that do not know and that know the setting `transaction_timeout`, and what makes a database refuse the setting
OLD, KNOWING = 15, 17
BE_OLD = (
    "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET transaction_timeout = 3600000'; END $$",
    """
    CREATE FUNCTION refuse_unknown() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('transaction_timeout') = '0' THEN RAISE 'unknown setting'; END IF;
    END $$
    """,
    "CREATE EVENT TRIGGER refuse_unknown ON ddl_command_start EXECUTE FUNCTION refuse_unknown()",
)


@pytest.fixture
async def tenant(service: Service) -> str:
    """A role that may do nothing yet."""
    name = f"tenant_{secrets.token_hex(4)}"
    async with connected(service.database_url) as admin:
        await admin.execute(f"CREATE ROLE {name} LOGIN")
    return name


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@")


async def order(url: str, *statements: str) -> None:
    async with connected(url) as db:
        for statement in statements:
            await db.execute(statement)


async def dumped(url: str, path: Path) -> Path:
    async with alone(url) as db, db.transaction(isolation="repeatable_read", readonly=True):
        snapshot = await db.fetchval("SELECT pg_export_snapshot()")
        major = db.get_server_version().major
        others = await schemas.others(db)
        await dump(url, major, snapshot, path / "dump", lambda _size: None, others=others)
    return path / "dump"


async def restored(url: str, path: Path, major: int | None = None) -> list[str]:
    """Restore a dump. Answers the schemas of the database that sessions look into, and the others."""
    async with alone(url) as db:
        own, there = db.get_server_version().major, await schemas.names(db)
    await restore(url, major or own, path, there)
    async with alone(url) as db:
        await schemas.lead_to_tables(db)
    async with alone(url) as db:
        assert await db.fetchval("SELECT count(*) FROM sample") == 0
        return [*await db.fetchval("SELECT current_schemas(false)"), *await schemas.others(db)]


async def test_tables_in_a_schema_of_their_own_come_back(service: Service, tmp_path: Path) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        await order(source, "ALTER SCHEMA public RENAME TO bank")
        await order(
            source,
            "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET search_path = bank'; END $$",
        )

        found = await restored(target, await dumped(source, tmp_path))

    assert found == ["bank", "public"]


async def test_tables_come_back_into_a_schema_that_is_there(service: Service, tmp_path: Path) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        await order(
            source, "ALTER SCHEMA public RENAME TO bank", "ALTER ROLE postgres SET search_path = bank"
        )
        try:
            await order(target, "CREATE SCHEMA bank")
            found = await restored(target, await dumped(source, tmp_path))
        finally:
            await order(service.database_url, "ALTER ROLE postgres RESET search_path")

    assert found == ["bank", "public"]


async def test_a_server_that_does_not_know_all_settings_of_the_programs_gets_the_tables(
    service: Service, tmp_path: Path
) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        await order(target, *BE_OLD)

        found = await restored(target, await dumped(source, tmp_path), major=OLD)

    assert found == ["public"]


async def test_a_dump_that_is_too_new_for_the_program_of_the_server_is_read_by_the_newest(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        dump = await dumped(source, tmp_path)
        program = tmp_path / "pg_restore"
        program.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo 'pg_restore (PostgreSQL) {KNOWING}.1'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

        found = await restored(target, dump, major=KNOWING)

    assert found == ["public"]


async def test_what_others_keep_in_the_database_stays_out_of_a_backup(
    service: Service, tenant: str, tmp_path: Path
) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        await order(
            source,
            'CREATE SCHEMA "Others"',
            'CREATE TABLE "Others".sample (id int)',
            'CREATE EXTENSION hstore SCHEMA "Others"',
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {tenant}",
            f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {tenant}",
        )

        found = await restored(target, await dumped(as_role(source, tenant), tmp_path))

    assert found == ["public"]


async def test_a_backup_comes_back_where_an_administrator_added_the_extension(
    service: Service, tenant: str, tmp_path: Path
) -> None:
    async with migrated_database(service) as source, own_database(service) as target:
        await order(target, "CREATE EXTENSION pg_trgm", f"GRANT CREATE ON SCHEMA public TO {tenant}")

        found = await restored(as_role(target, tenant), await dumped(source, tmp_path))

    assert found == ["public"]
