"""Migrations on a database that is in use already."""

from bench.databases import connected

from kit.databases import migrate, own_database
from kit.service import Service
from samplebank.jobs.tally import TALLY

JOBS = """
    WITH d AS (INSERT INTO domain (name) VALUES ('d') RETURNING id),
    c AS (INSERT INTO customer (short_name, name, domain_id) SELECT 'c', 'C', id FROM d RETURNING id),
    s AS (INSERT INTO sample (sha256, size, created_time, activity_time) VALUES (decode(repeat('00', 32), 'hex'), 1, 1, 1)
          RETURNING id)
    INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
    SELECT gen_random_uuid(), s.id, c.id, 'enqueued', 1, '{}', '[]', '[]' FROM s, c, generate_series(1, 3)
"""

SAMPLE = """
    INSERT INTO sample (sha256, size, created_time, activity_time) VALUES (decode(repeat('00', 32), 'hex'), 1, 1, 1)
"""
VERDICT = """
    WITH judged AS (
        INSERT INTO verdict (id, sample_id, score, manual, contradicting, shared, malicious, tags, triggered_detections,
                             created_time)
        SELECT gen_random_uuid(), id, $1::int, false, false, false, false, '[]', 0, 1 FROM sample RETURNING id, sample_id
    )
    UPDATE sample s SET verdict_id = judged.id FROM judged WHERE s.id = judged.sample_id
"""

ACCOUNTS = """
    WITH d AS (INSERT INTO domain (name) VALUES ('d') RETURNING id),
    c AS (INSERT INTO customer (short_name, name, domain_id) SELECT 'c', 'C', id FROM d RETURNING id),
    u AS (INSERT INTO subject (kind, short_name, name, customer_id) SELECT 'user', 'samplebank-workers', '', id FROM c
          RETURNING id)
    INSERT INTO access_grant (subject_id, role, customer_id)
    SELECT u.id, 'SAMPLEDB-ANALYZER', NULL::bigint FROM u UNION ALL SELECT u.id, 'SAMPLEDB-USER', NULL FROM u
     UNION ALL SELECT u.id, 'SAMPLEDB-ANALYZER', c.id FROM u, c
"""


async def test_a_new_installation_has_statistics_of_no_empty_table(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url)
        async with connected(url) as db:
            known = await db.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
                "AND reltuples = 0"
            )

    # the planner would keep plans that read the whole table, whatever the table holds by then
    assert [row[0] for row in known] == []


async def test_jobs_of_an_earlier_release_are_counted_for_the_planner(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0023")
        async with connected(url) as db:
            await db.execute(JOBS)
        migrate(url)
        async with connected(url) as db:
            jobs = await db.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'job'::regclass")

    assert jobs == 3


async def test_the_jobs_of_an_earlier_release_are_tallied(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0003")
        async with connected(url) as db:
            await db.execute(JOBS)

            migrate(url)

            assert await db.fetchval(f"SELECT sum(n) FROM {TALLY} WHERE state = 'enqueued'") == 3


async def test_the_latest_of_the_verdicts_of_an_earlier_release_is_known(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0005")
        async with connected(url) as db:
            await db.execute(SAMPLE)
            await db.execute(VERDICT, 1)
            await db.execute(VERDICT, 2)

            migrate(url)
            await db.execute(VERDICT, 3)
            await db.execute(VERDICT, 4)

            assert [row[0] for row in await db.fetch("SELECT score FROM verdict WHERE latest")] == [4]


async def test_the_account_of_the_built_in_workers_may_only_work_from_now_on(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0011")
        async with connected(url) as db:
            await db.execute(ACCOUNTS)

            migrate(url)

            grants = await db.fetch("SELECT role, customer_id IS NULL FROM access_grant ORDER BY role, 2")
            assert [tuple(row) for row in grants] == [
                ("SAMPLEDB-ANALYZER", False),
                ("SAMPLEDB-USER", True),
                ("SAMPLEDB-WORKER", True),
            ]


async def test_the_samples_of_an_earlier_release_are_listed_by_their_readers(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0028")
        async with connected(url) as db:
            await db.execute(SAMPLE)
            await db.execute("UPDATE sample SET readers = '{-5, 8}', unread_since = NULL")

            migrate(url)

            assert [row[0] for row in await db.fetch("SELECT reader FROM sample_reader ORDER BY 1")] == [
                -5,
                8,
            ]


async def test_late_activity_of_an_earlier_release_has_the_time_of_the_creation(service: Service) -> None:
    late = SAMPLE.replace("1, 1, 1)", "1, 5, 9000000)")
    async with own_database(service) as url:
        migrate(url, "0040")
        async with connected(url) as db:
            await db.execute(late)

            migrate(url)

            noted = await db.fetch("SELECT created_time, activity_time FROM sample_late")
            assert [tuple(row) for row in noted] == [(5, 9000000)]


async def test_samples_that_came_back_are_known_from_now_on_and_from_before(service: Service) -> None:
    """Each sample is created an hour after the one before, but the first of an earlier release and the second came back."""
    sample = """
        INSERT INTO sample (sha256, size, created_time, activity_time)
        SELECT sha256(n::text::bytea), 1, n * 3600000, n * 3600000 FROM generate_series($1::bigint, $2::bigint) n
    """
    again = "UPDATE sample SET created_time = 36000000, activity_time = 36000000 WHERE id = $1"
    async with own_database(service) as url:
        migrate(url, "0040")
        async with connected(url) as db:
            await db.execute(sample, 1, 4)
            first, second, *_ = [row[0] for row in await db.fetch("SELECT id FROM sample ORDER BY id")]
            await db.execute(again, first)

            migrate(url)
            await db.execute(sample, 5, 6)
            await db.execute(again, second)
            await db.execute("UPDATE sample SET activity_time = 36000001")

            returned = [tuple(row) for row in await db.fetch("SELECT * FROM sample_returned ORDER BY 1")]
            assert returned == [(first, 36000000), (second, 36000000)]
