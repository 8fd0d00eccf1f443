"""A database that cannot keep the promises of the service is refused with one line. PgBouncer in session mode can."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.databases import connected

from hosts.conftest import Host
from kit.bank import PATIENCE, Bank, eventually
from kit.hosts import refusal
from kit.pgbouncer import bouncing
from kit.postgres import Postgres, standby_of
from kit.service import Service
from samplebank.database import open_database
from samplebank.database.connection import SETTINGS, connect_alone
from samplebank.database.migrations import HEAD, upgrade
from samplebank.database.server import waiting_for_standby


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_sessions_is_refused(
    server: Postgres, another: Host, tmp_path: Path, mode: str
) -> None:
    with bouncing(tmp_path, server, mode) as url, another(SAMPLEBANK_DATABASE_URL=url) as second:
        said = refusal(second)

    assert "SAMPLEBANK_DATABASE_URL leads to a pooler that gives each transaction another session" in said


def test_every_command_on_the_database_refuses_a_pooler_that_shares_sessions(
    server: Postgres, first: Service, another: Host, tmp_path: Path
) -> None:
    backups = str(tmp_path / "backups")
    assert first.run("backup", backups).returncode == 0
    commands = (("key", "list"), ("doctor",), ("backup", str(tmp_path / "more")), ("restore", backups))
    with bouncing(tmp_path, server, "transaction") as url, another(SAMPLEBANK_DATABASE_URL=url) as second:
        told = [second.run(*command) for command in commands]

    for done in told:
        (line,) = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (1, "")
        assert "SAMPLEBANK_DATABASE_URL leads to a pooler that gives each transaction another session" in line


def test_a_service_works_behind_a_pooler_that_gives_each_connection_a_session(
    server: Postgres, first: Service, another: Host, tmp_path: Path
) -> None:
    with bouncing(tmp_path, server, "session") as url, another(SAMPLEBANK_DATABASE_URL=url) as second:
        second.start()
        bank = Bank(second.url, first.keys)
        sample = bank.submitted()

        assert eventually(lambda: bank.data(bank.get(f"{sample.path}/classification")))
        assert second.run("key", "list").returncode == 0


async def test_every_session_has_its_settings_behind_a_pooler(server: Postgres, tmp_path: Path) -> None:
    with bouncing(tmp_path, server, "session") as url:
        async with open_database(url, keep_plans=True) as database, database.connection() as db:
            plans = await db.fetchval("SHOW plan_cache_mode")
            pooled = {name: await db.fetchval(f"SHOW {name}") for name in ("jit", "enable_memoize")}
        alone = await connect_alone(url, idle_session_timeout="7s")
        idle = await alone.fetchval("SHOW idle_session_timeout")
        await alone.close()

    assert (plans, idle) == ("force_generic_plan", "7s")
    assert pooled == {name: SETTINGS[name] for name in pooled}


@pytest.fixture
def standby(server: Postgres, first: Service, tmp_path: Path) -> Iterator[Postgres]:  # noqa: ARG001 which made the database
    with standby_of(server, tmp_path / "standby") as standby:
        yield standby


def test_a_service_does_not_start_on_a_standby(standby: Postgres, another: Host) -> None:
    with another(SAMPLEBANK_DATABASE_URL=standby.url) as second:
        said = refusal(second)

    assert "The database takes no changes: it is read-only, or the standby of another." in said


def test_a_service_finds_the_primary_among_two_servers(
    standby: Postgres, server: Postgres, another: Host
) -> None:
    url = (
        f"postgresql://postgres@127.0.0.1:{standby.port},127.0.0.1:{server.port}/postgres"
        "?target_session_attrs=read-write"
    )
    with another(SAMPLEBANK_DATABASE_URL=url) as second:
        second.start()

        assert Bank(second.url, {}).get("/readyz", None).status_code == 200


async def test_changes_that_wait_for_a_synchronous_standby_are_counted(server: Postgres) -> None:
    db = await connect_alone(server.url)
    assert await waiting_for_standby(db, 0) == 0

    server.order("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    server.order("SELECT pg_reload_conf()")
    change = asyncio.create_task(asyncio.to_thread(server.order, "CREATE ROLE late"))
    try:
        async with asyncio.timeout(PATIENCE):
            while not (number := await waiting_for_standby(db, 0)):  # noqa: ASYNC110 the server is another process
                await asyncio.sleep(0.05)
    finally:
        server.order("ALTER SYSTEM RESET synchronous_standby_names")
        server.order("SELECT pg_reload_conf()")
        await change
        await db.close()

    assert number >= 1


def test_a_host_that_gets_no_connection_says_so(server: Postgres, another: Host) -> None:
    server.order("CREATE ROLE few LOGIN CONNECTION LIMIT 0")
    server.order("GRANT ALL ON DATABASE postgres TO few")
    with another(SAMPLEBANK_DATABASE_URL=server.url.replace("postgres@", "few@")) as second:
        said = refusal(second)

    assert "The database cannot be reached: too many connections for role" in said


def own_database(server: Postgres, name: str, encoding: str = "UTF8") -> str:
    """The URL of a new database of the server."""
    server.order(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    return f"{server.url.removesuffix('postgres')}{name}"


def test_a_right_that_is_missing_for_the_schema_is_named(
    server: Postgres, another: Host, tmp_path: Path
) -> None:
    server.order("CREATE ROLE narrow LOGIN")
    url = own_database(server, "narrow").replace("postgres@", "narrow@")
    with another(SAMPLEBANK_DATABASE_URL=url, SAMPLEBANK_BLOB_URL=f"file://{tmp_path}/own") as second:
        said = refusal(second)

    assert "could not be brought up to date: permission denied for schema public. Give the role" in said
    assert "GRANT CREATE ON DATABASE" in said


@pytest.mark.parametrize(
    ("name", "order", "reason"),
    [
        (
            "taken",
            "CREATE TABLE sample (id int)",
            'relation "sample" already exists. The schema has tables of another program',
        ),
        (
            "hidden",
            "CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext",
            "The extension pg_trgm is in a schema that the search_path of the role does not name",
        ),
    ],
)
async def test_a_schema_that_the_service_cannot_use_is_told_with_a_remedy(
    server: Postgres, another: Host, name: str, order: str, reason: str
) -> None:
    url = own_database(server, name)
    async with connected(url) as db:
        await db.execute(order)
    with another(SAMPLEBANK_DATABASE_URL=url) as second:
        said = refusal(second)

    assert reason in said


def test_a_service_does_not_start_on_a_database_that_cannot_hold_every_name(
    server: Postgres, another: Host
) -> None:
    url = own_database(server, "in_latin1", "LATIN1")
    with another(SAMPLEBANK_DATABASE_URL=url) as second:
        said = refusal(second)

    assert "The database has the encoding LATIN1, which cannot hold every name and text" in said
    assert "Create a database with ENCODING 'UTF8'" in said


@pytest.mark.parametrize(
    ("encoding", "level", "reason"),
    [
        ("LATIN1", "fault", "has the encoding LATIN1"),
        ("SQL_ASCII", "advice", "has the encoding SQL_ASCII"),
        ("UTF8", "advice", "has the locale C"),
    ],
)
def test_the_doctor_finds_a_database_that_does_not_know_every_letter(
    server: Postgres, another: Host, encoding: str, level: str, reason: str
) -> None:
    url = own_database(server, f"patient_{encoding.lower()}", encoding)
    upgrade(url)
    with another(SAMPLEBANK_DATABASE_URL=url) as second:
        done = second.run("doctor", "--json")

    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["subject"] == "database"]
    assert found["level"] == level
    assert reason in found["said"]
    assert "ENCODING 'UTF8' LOCALE 'C.UTF-8'" in found["remedy"]


def test_an_older_release_does_not_start_beside_a_newer_schema(server: Postgres, another: Host) -> None:
    server.order("UPDATE alembic_version SET version_num = '9999'")
    with another() as second:
        said = refusal(second)
    server.order(f"UPDATE alembic_version SET version_num = '{HEAD}'")

    assert "The database has the schema 9999 of a newer release" in said
