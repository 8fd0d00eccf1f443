"""Migrations on a database that is in use already."""

import os
import secrets
import subprocess
import sys

import asyncpg

from kit.service import Service
from samplebank.database.migrations.upgrade import DATABASE
from samplebank.jobs.tally import TALLY

JOBS = """
    WITH d AS (INSERT INTO domain (name) VALUES ('d') RETURNING id),
    c AS (INSERT INTO customer (short_name, name, domain_id) SELECT 'c', 'C', id FROM d RETURNING id),
    s AS (INSERT INTO sample (sha256, size, created_time, activity_time) VALUES (decode(repeat('00', 32), 'hex'), 1, 1, 1)
          RETURNING id)
    INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
    SELECT gen_random_uuid(), s.id, c.id, 'enqueued', 1, '{}', '[]', '[]' FROM s, c, generate_series(1, 3)
"""


def migrate(url: str, *revision: str) -> None:
    command = [sys.executable, "-m", "samplebank.database.migrations", *revision]
    subprocess.run(command, env={**os.environ, DATABASE: url}, check=True, capture_output=True)


async def test_the_jobs_of_an_earlier_release_are_tallied(service: Service) -> None:
    name = f"earlier_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(service.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    url = service.database_url.replace("/postgres?", f"/{name}?")
    migrate(url, "0003")
    db = await asyncpg.connect(url)
    await db.execute(JOBS)

    migrate(url)

    assert await db.fetchval(f"SELECT sum(n) FROM {TALLY} WHERE state = 'enqueued'") == 3
    await db.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()
