"""An examination finds what is wrong with an installation, and nothing wrong with a healthy installation."""

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from kit.databases import migrated_database
from kit.service import Service
from samplebank.assembly import Bank, open_bank
from samplebank.blobs import Area
from samplebank.checkup.examination import examine
from samplebank.checkup.figures import examine_tallies, recount_tallies
from samplebank.checkup.model import Finding, Level
from samplebank.database import Connection
from samplebank.jobs import clock
from samplebank.serving.start import prepared_database
from samplebank.settings import Settings

LONG_AGO = 1_000_000_000_000
ABSENT, ORPHAN = b"\x01" * 32, b"\x02" * 32
#: what goes wrong, by the words of the finding
SICKEN = {
    "index": "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'job_ended'::regclass",
    "absent": f"INSERT INTO sample (sha256, size, created_time, activity_time) VALUES ('\\x{ABSENT.hex()}', 1, 1, 1)",
    "stuck": f"""
        INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
        SELECT gen_random_uuid(), s.id, c.id, 'enqueued', {LONG_AGO}, '{{}}', '[]', '[]'
          FROM sample s, (SELECT id FROM customer LIMIT 1) c LIMIT 1
    """,
    "lease": f"""
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, start_time,
                              lease_token, lease_until)
        SELECT gen_random_uuid(), j.id, j.sample_id, j.customer_id, w.id, w.short_name, 'executing', {LONG_AGO}, {LONG_AGO},
               gen_random_uuid(), {LONG_AGO}
          FROM job j, worker w WHERE w.short_name = 'static'
    """,
    "another stuck": f"""
        INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
        SELECT gen_random_uuid(), j.sample_id, j.customer_id, 'enqueued', {LONG_AGO}, '{{}}', '[]', '[]' FROM job j LIMIT 1
    """,
    "dead": f"""
        INSERT INTO delivery (sink, event_id, sample_id, dead_time) VALUES ('webhook', 1, 1, {LONG_AGO})
    """,
    "ledger": "INSERT INTO audit (time, kind, action, actor) VALUES (1, 'access', 'test', 'service')",
    "tally": "INSERT INTO sample_tally_change VALUES (5, 1)",
    "tally of jobs": "UPDATE job_tally_change SET n = 7",
    "settings": f"""
        INSERT INTO service (name, settings, seen_time)
        SELECT name, jsonb_build_object('malicious_score', score), {2**52}
          FROM (VALUES ('one', '70'), ('two', '80')) told (name, score)
    """,
    "versions": f"""
        INSERT INTO worker_process (worker_id, user_id, label, agent_name, agent_version, first_time, last_time, due_time)
        SELECT w.id, s.id, version, 'yara', version, 1, 1, {2**52}
          FROM worker w, (SELECT id FROM subject WHERE short_name = 'admin') s,
               (VALUES ('2.0 rules flag 1 of 9'), ('2.1 rules flag 2 of 9')) told (version) WHERE w.short_name = 'yara'
    """,
    "analyses": f"""
        INSERT INTO analysis (id, sample_id, customer_id, user_id, tlp, acl, readers, score, tags, detections,
                              internet_access, agent_name, agent_version, created_time, result)
        SELECT gen_random_uuid(), x.id, c.id, u.id, 'amber', '{{}}', '{{}}', 0, '[]', '[]', false, 'yara', '1.0 (yara-x 1)',
               {LONG_AGO}, '{{}}'
          FROM generate_series(1, 30), sample x, (SELECT id FROM customer LIMIT 1) c,
               (SELECT id FROM subject WHERE short_name = 'admin') u
    """,
    "rule": """
        WITH gone AS (
            INSERT INTO worker (id, short_name, names, descriptions, created_by, created_time, deleted_time)
            SELECT gen_random_uuid(), 'gone', '{}', '{}', id, 1, 2 FROM subject WHERE short_name = 'admin'
            RETURNING id, created_by
        )
        INSERT INTO policy_rule (id, name, description, kind, customers, types, super_types, meta_keys, meta_values,
                                 workers_set, workers_add, workers_remove, options_set, options_add, options_remove,
                                 created_by, created_time)
        SELECT gen_random_uuid(), 'special', '', 'customer', '{1}', '{}', '{}', '{}', '{}', ARRAY[id], '{}', '{}', '[]', '[]',
               '{}', created_by, 1 FROM gone
    """,
    "readers": "UPDATE sample SET readers = '{2}'",
    "key": f"""
        WITH boss AS (
            INSERT INTO subject (kind, short_name, name, customer_id) SELECT 'user', 'boss', 'Boss', id FROM customer LIMIT 1
            RETURNING id
        ),
        granted AS (INSERT INTO access_grant (subject_id, role) SELECT id, 'ADMINISTRATOR-ROLE' FROM boss)
        INSERT INTO api_key (id, user_id, digest, created_time)
        SELECT gen_random_uuid(), id, '\\x00', {LONG_AGO} FROM boss
    """,
}

FURTHER_KEY = """
    INSERT INTO api_key (id, user_id, digest, created_time)
    SELECT gen_random_uuid(), id, '\\x01', $1 FROM subject WHERE short_name = 'admin'
"""


class Examined(NamedTuple):
    healthy: list[Finding]
    sick: list[Finding]
    keyless: list[Finding]
    recounted: list[Finding]


async def examined(bank: Bank) -> list[Finding]:
    return [one async for one in examine(bank, is_full=True)]


async def sicken(db: Connection, blobs: Path) -> None:
    for statement in SICKEN.values():
        await db.execute(statement)
    await clock.note_done(db, now=LONG_AGO)
    orphan = blobs / Area.SAMPLE / f"{ORPHAN[0]:02x}" / ORPHAN.hex()
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"orphan")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(orphan, (two_days_ago, two_days_ago))


def prepare(settings: Settings) -> None:
    with prepared_database(settings):
        pass


@pytest.fixture(scope="module")
async def findings(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Examined:
    """What is found in a new installation, after all went wrong that can, and when a table is missing, too."""
    folder = tmp_path_factory.mktemp("examined")
    async with migrated_database(service) as url:
        settings = Settings(
            data_dir=folder,
            database_url=url,
            disk_reserve=2**62,
            webhook_url="http://127.0.0.1:9",
            webhook_secret="a secret for tests",
        )
        await asyncio.to_thread(prepare, settings)
        async with open_bank(Settings(data_dir=folder, database_url=url), url) as bank:
            for area in Area:
                (folder / "blobs" / area).mkdir(parents=True, exist_ok=True)
            async with bank.database.connection() as db:
                await clock.note_done(db, now=bank.clock())
                await db.execute(FURTHER_KEY, bank.clock())
            healthy = await examined(bank)
        async with open_bank(settings, url) as bank:
            async with bank.database.connection() as db:
                await sicken(db, folder / "blobs")
            sick = await examined(bank)
            async with bank.database.connection() as db:
                await db.execute("ALTER TABLE api_key RENAME TO gone")
            keyless = await examined(bank)
            await recount_tallies(bank)
            return Examined(healthy, sick, keyless, await examine_tallies(bank, is_full=True))


def test_nothing_is_wrong_with_a_new_installation(findings: Examined) -> None:
    assert [one for one in findings.healthy if one.level is Level.FAULT] == []


def test_every_key_of_the_first_administrator_is_counted(findings: Examined) -> None:
    (keys,) = [one for one in findings.healthy if one.subject == "keys"]

    assert "Keys that allow everything for ever: 2 of admin, and none of other users" in keys.said


@pytest.mark.parametrize(
    ("subject", "level", "said"),
    [
        ("indexes", Level.FAULT, "not valid: job_ended"),
        ("housework", Level.FAULT, "was last done"),
        ("disk", Level.FAULT, "are free on the disk"),
        ("jobs", Level.FAULT, "1 jobs are not at their end"),
        ("leases", Level.FAULT, "1 leases of tasks ended long ago"),
        ("workers", Level.ADVICE, "The worker static was never heard of"),
        ("policy", Level.ADVICE, "All workers that the rule special sets are deleted"),
        ("events", Level.ADVICE, "The delivery of 1 events was given up"),
        ("keys", Level.ADVICE, "never expire: 1 of boss"),
        ("keys", Level.ADVICE, "may do more than a worker needs: admin (ADMINISTRATOR-ROLE)"),
        ("settings", Level.ADVICE, "The hosts one, two do not share SAMPLEBANK_MALICIOUS_SCORE"),
        ("versions", Level.ADVICE, "yara run different versions: 2.0 (1), 2.1 (1)"),
        ("versions", Level.ADVICE, "yara have different rules: rules flag 1 of 9 (1), rules flag 2 of 9 (1)"),
        ("versions", Level.ADVICE, "30 of 30 analyses by yara that were looked at are of other versions"),
        ("search columns", Level.FAULT, "1 of 1 samples have other readers than their submissions"),
        ("ledger", Level.ADVICE, "1 entries of the ledger lie beside its weeks"),
        ("bytes of samples", Level.FAULT, f"1 of 1 files are missing or changed: {ABSENT.hex()}"),
        ("rows of samples", Level.ADVICE, "1 of 1 stored files belong to no row"),
        ("tallies", Level.FAULT, "of samples"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    findings: Examined, subject: str, level: Level, said: str
) -> None:
    told = [one for one in findings.sick if one.subject == subject and one.level is level]

    assert any(said in one.said and one.remedy for one in told)


def test_a_store_without_room_is_not_called_the_wrong_store(findings: Examined) -> None:
    (told,) = [one for one in findings.sick if one.subject == "blob store"]

    assert "is nearly full" in told.said
    assert told.remedy is not None
    assert told.remedy.startswith("Make room")


def test_a_check_that_cannot_be_made_keeps_no_other_from_being_made(findings: Examined) -> None:
    (keys,) = [one for one in findings.keyless if one.subject == "keys"]

    assert (keys.level, "could not be looked at" in keys.said) == (Level.FAULT, True)
    assert findings.keyless[-1] == findings.sick[-1]


def test_tallies_that_are_counted_anew_are_right(findings: Examined) -> None:
    assert [one.level for one in findings.recounted] == [Level.GOOD]
