"""The tally of stored bytes agrees with the samples, whatever happens to the samples at once."""

import asyncio
from collections import Counter
from functools import partial
from uuid import UUID

import pytest
from bench.databases import connected

from kit.bank import Bank, Sample, eventually, together
from kit.children import Parent, some_bytes
from kit.databases import migrate, migrated_database, own_database
from kit.service import Service
from samplebank.database import Connection, Database
from samplebank.samples.stored_bytes import NOBODY, STORED, used

KEY, OTHER_KEY = UUID(int=1), UUID(int=2)
NEW = """
    INSERT INTO sample (sha256, size, created_time, activity_time, charged_customer_id, charged_user_id, charged_key_id)
    VALUES (sha256($1::text::bytea), $2, 1, 1, $3, $4, $5)
"""
DELETE = "UPDATE sample SET deleted_time = 2 WHERE sha256 = sha256($1::text::bytea)"
BACK = """
    UPDATE sample SET deleted_time = NULL, charged_customer_id = $2, charged_user_id = $3, charged_key_id = $4
     WHERE sha256 = sha256($1::text::bytea)
"""
CHARGED = """
    SELECT c.short_name, u.short_name, o.short_name FROM sample s JOIN customer c ON c.id = s.charged_customer_id
      LEFT JOIN subject u ON u.id = s.charged_user_id
      LEFT JOIN api_key k ON k.id = s.charged_key_id LEFT JOIN subject o ON o.id = k.user_id WHERE s.sha256 = $1
"""
BEFORE = """
    WITH d AS (INSERT INTO domain (name) VALUES ('d') RETURNING id),
    c AS (INSERT INTO customer (short_name, name, domain_id) SELECT name, name, id FROM d, (VALUES ('c'), ('other')) n (name)
          RETURNING id, short_name),
    u AS (INSERT INTO subject (kind, short_name, name, customer_id) SELECT 'user', 'u', '', id FROM c WHERE short_name = 'c'
          RETURNING id),
    s AS (INSERT INTO sample (sha256, size, created_time, activity_time)
          SELECT sha256(n::text::bytea), 100 * n, 1, 1 FROM generate_series(1, 4) n RETURNING id, size),
    sent AS (
        INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
                                agent_version, meta_data, observed_time, submitted_time, trusted_agent)
        SELECT gen_random_uuid(), s.id, c.id, u.id, 'amber', '{}', '{2}', 'f', 'x/y', 'a', '1', '{}', 1, 1, false
          FROM s, c, u WHERE s.size < 400 AND c.short_name = 'other' RETURNING id, sample_id
    ),
    root AS (INSERT INTO extraction (root_id, sample_id) SELECT sent.id, sample_id FROM sent JOIN s ON s.id = sample_id
              WHERE size = 100 RETURNING root_id AS id, sample_id)
    INSERT INTO extracted (root_id, parent_id, sample_id, path, depth, submission_id)
    SELECT first.id, first.sample_id, last.sample_id, 'p', 1, last.id
      FROM root first, sent last JOIN s l ON l.id = last.sample_id AND l.size = 300
"""


async def charged(db: Connection) -> dict[tuple[int, int, int], int]:
    """The folded bytes by customer, user and key; the number of a key stands for the key."""
    rows = await db.fetch(f"SELECT customer_id, user_id, key_id, bytes FROM {STORED.table} WHERE bytes <> 0")
    return {(row[0], row[1], row[2].int): int(row[3]) for row in rows}


async def test_bytes_are_charged_until_the_sample_is_deleted_and_then_to_who_brings_the_bytes_again(
    service: Service,
) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        await db.execute(NEW, "a", 100, 1, 10, KEY)
        await db.execute(NEW, "b", 30, 1, 11, None)
        await db.execute(NEW, "c", 7, 1, None, None)
        await db.execute(NEW, "d", 5, None, None, None)
        await db.execute(NEW, "e", 3, 1, 10, OTHER_KEY)
        before = await used(db, key_id=KEY, user_id=10, customer_id=1)

        await db.execute(DELETE, "a")
        await STORED.fold(db)
        between = await used(db, key_id=KEY, user_id=10, customer_id=1)
        await db.execute(BACK, "a", 2, 20, KEY)
        await db.execute("DELETE FROM sample WHERE size = 30")
        await STORED.fold(db)

        assert (tuple(before), tuple(between)) == ((100, 103, 140), (0, 3, 40))
        assert await charged(db) == {
            (1, NOBODY, 0): 7,
            (1, 10, OTHER_KEY.int): 3,
            (2, 20, KEY.int): 100,
        }
        assert await db.fetchval(f"SELECT count(*) FROM {STORED.changes}") == 0
        assert await STORED.disagreements(db) == 0


async def test_as_many_new_samples_as_deleted_samples_still_change_the_bytes(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        await db.execute(NEW, "a", 100, 1, 10, KEY)
        await STORED.fold(db)

        await db.execute(DELETE, "a")
        await db.execute(NEW, "b", 30, 1, 10, KEY)
        await STORED.fold(db)

        assert await charged(db) == {(1, 10, KEY.int): 30}


async def test_the_tally_agrees_while_samples_change_at_once_and_the_changes_are_folded(
    service: Service,
) -> None:
    async def write(url: str, number: int) -> None:
        async with connected(url) as db:
            for n in range(40):
                await db.execute(NEW, f"{number} {n}", n + 1, 1, number, UUID(int=n % 3))
                if n % 2:
                    await db.execute(DELETE, f"{number} {n}")

    async with migrated_database(service) as url, connected(url) as db:
        writing = asyncio.gather(*(write(url, number) for number in range(1, 5)))
        while not writing.done():
            await STORED.fold(db)
            assert await STORED.disagreements(db) == 0
        await writing
        await STORED.fold(db)

        kept = Counter[tuple[int, int, int]]()
        for number in range(1, 5):
            for n in range(0, 40, 2):
                kept[1, number, n % 3] += n + 1
        assert await charged(db) == kept


async def test_a_wrong_figure_is_noticed_and_added_up_anew(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        await db.execute(NEW, "a", 100, 1, 10, KEY)
        await db.execute(f"DELETE FROM {STORED.changes}")
        noticed = await STORED.disagreements(db)

        async with db.transaction():
            await STORED.recount(db)

        assert (noticed, await STORED.disagreements(db)) == (1, 0)
        assert await charged(db) == {(1, 10, KEY.int): 100}


async def test_samples_of_an_earlier_release_are_charged_by_their_first_submission(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0047")
        async with connected(url) as db:
            await db.execute(BEFORE)

            migrate(url)

            user, own = (await db.fetch("SELECT id, customer_id FROM subject WHERE short_name = 'u'"))[0]
            other = await db.fetchval("SELECT id FROM customer WHERE short_name = 'other'")
            # a sample of 300 bytes came out of another, and nobody submitted the sample of 400 bytes
            assert await charged(db) == {(own, user, 0): 300, (other, NOBODY, 0): 300}
            assert await STORED.disagreements(db) == 0


@pytest.mark.parametrize("number", [1, 4])
async def test_uploads_at_once_are_charged_to_the_user_and_the_users_customer(
    bank: Bank, database: Database, number: int
) -> None:
    samples = [Sample() for _ in range(number)]

    together(partial(bank.submit, sample, user) for sample in samples for user in ("quinn", "mia"))

    async with database.transaction(read_only=True) as db:
        for sample in samples:
            row = await db.fetchrow(CHARGED, bytes.fromhex(sample.sha256))
            assert tuple(row or ()) in {("quarry", "quinn", "quinn"), ("mill", "mia", "mia")}
        assert await STORED.disagreements(db) == 0


async def test_a_file_in_one_request_is_charged_to_the_uploader(bank: Bank, db: Connection) -> None:
    sample = Sample()

    answer = bank.call("POST", "/samplebank/v1/sample", "quinn", data=sample.data, params={"fileName": "f"})

    row = await db.fetchrow(CHARGED, bytes.fromhex(sample.sha256))
    assert (answer.status_code, tuple(row or ())) == (201, ("quarry", "quinn", "quinn"))


async def test_a_child_is_charged_to_the_customer_of_the_submission_alone(bank: Bank, db: Connection) -> None:
    parent = Parent(bank, user="quinn")

    receipt = parent.add(some_bytes())

    row = await db.fetchrow(CHARGED, bytes.fromhex(receipt["sampleSha256"]))
    assert tuple(row or ()) == ("quarry", None, None)


async def test_a_deletion_gives_the_bytes_back(bank: Bank, database: Database) -> None:
    sample = Sample()
    bank.submit(sample, "quinn")

    bank.delete(sample.path)

    assert eventually(lambda: bank.get(sample.path, "quinn").status_code == 404)
    async with database.transaction(read_only=True) as db:
        assert await STORED.disagreements(db) == 0
