"""Fills the database of a service of ours straight through COPY: `python -m bench.generate URL --samples 1000000`.

Rows are what the service itself would have stored, readers among them. Foreign keys are not checked meanwhile and
the indexes are made again afterwards, so nothing else may write to the database.
"""

import argparse
import asyncio
import multiprocessing
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from bench import tenants
from bench.databases import connected
from bench.rows import COLUMNS, Chunk, Maker
from samplebank.accounts.reader_tally import TallyByReaders
from samplebank.samples.tally import LISTED
from samplebank.submissions.tally import SHOWN

#: samples that one piece of work makes
PIECE = 5_000
#: from this many samples on, dropping and rebuilding the indexes is faster
MANY = 20_000
HOUR, DAY = 3_600_000, 86_400_000
#: seconds that a statement may take: an index over all samples takes long
PATIENCE = 3600
WORKERS = ("static", "yara", "bench-sandbox")
INDEXES = """
    SELECT i.indexname, i.indexdef FROM pg_indexes i
     WHERE i.schemaname = 'public' AND i.tablename = ANY($1)
       AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
"""
ADD_WORKER = """
    INSERT INTO worker (id, short_name, names, descriptions, created_by, created_time)
    SELECT gen_random_uuid(), $1, '{"english": "made by the bench"}', '{"english": "made by the bench"}', 1, $2
     WHERE NOT EXISTS (SELECT FROM worker WHERE short_name = $1 AND deleted_time IS NULL)
"""
#: COPY without triggers, as here, keeps neither the tallies nor the lists of readers
KEPT_BY_TRIGGERS = (
    """
    INSERT INTO job_tally_change
    SELECT customer_id, state, count(*) FROM job WHERE sample_id >= $1 GROUP BY customer_id, state
    """,
    f"""
    INSERT INTO sample_tally_change
    SELECT activity_time / {HOUR} * {HOUR} AS hour, count(*) FROM sample
     WHERE id >= $1 AND deleted_time IS NULL GROUP BY hour
    """,
    f"""
    INSERT INTO submission_tally_change
    SELECT submitted_time / {HOUR} * {HOUR} AS hour, count(*) FROM submission WHERE sample_id >= $1 GROUP BY hour
    """,
    f"""
    INSERT INTO sample_late (sample_id, created_time, activity_time)
    SELECT id, created_time, activity_time FROM sample WHERE id >= $1 AND activity_time > created_time + {HOUR}
    """,
    """
    INSERT INTO sample_reader
    SELECT r, s.created_time, s.id FROM sample s CROSS JOIN LATERAL listed_readers(s.readers) r (r)
     WHERE s.id >= $1 ORDER BY r, s.created_time, s.id
    """,
)

#: samples that are newer than a sample with a greater id, as if they had come back after a deletion
RETURNED = """
    INSERT INTO sample_returned
    SELECT id, created_time
      FROM (SELECT id, created_time,
                   min(created_time) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS later
              FROM sample) s
     WHERE created_time > later ON CONFLICT (sample_id) DO UPDATE SET created_time = excluded.created_time
"""
#: the tallies of readers, whose changes would be as many as the samples; the rows of each from a sample on
TALLIES_OF_READERS = ((LISTED, "id >= $1"), (SHOWN, "sample_id >= $1"))


async def fill(
    url: str,
    samples: int,
    customers: int = 1000,
    days: int = 28,
    *,
    processes: int = 2,
) -> tenants.Tenants:
    """Add samples with everything that belongs to a sample. Returns the accounts of the samples, which are new."""
    now = time.time_ns() // 1_000_000
    async with connected(url, timeout_seconds=PATIENCE) as db:
        made = await tenants.make(db, customers, now)
        for name in WORKERS:
            await db.execute(ADD_WORKER, name, now)
        query = "SELECT id, short_name FROM worker WHERE short_name = ANY($1) AND deleted_time IS NULL"
        workers = [(row[0].hex, row[1]) for row in await db.fetch(query, list(WORKERS))]
        first = 1 + (await db.fetchval("SELECT max(id) FROM sample") or 0)
        indexes = await _drop_indexes(db) if samples >= MANY else []
        try:
            chunks = _chunks(first, samples, made, workers, start=now - days * DAY, end=now - DAY)
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                for _ in pool.imap_unordered(_copy, [(url, chunk) for chunk in chunks]):
                    pass
            await db.execute(
                "SELECT setval(pg_get_serial_sequence('sample', 'id'), (SELECT max(id) FROM sample))"
            )
        finally:
            await _make_indexes(db, indexes)
        for kept in KEPT_BY_TRIGGERS:
            await db.execute(kept, first)
        if first > 1:
            await db.execute(RETURNED)
        for tally, added in TALLIES_OF_READERS:
            await _tell(db, tally, added, first)
        await db.execute("VACUUM (ANALYZE)")
        await db.execute("CHECKPOINT")  # a checkpoint now, and not during a measurement
        return made


async def _tell(db: Any, tally: TallyByReaders, added: str, first: int) -> None:
    """Add the rows from the sample `first` on to a tally, as folding would."""
    rows = f"({tally.rows} AND {added}) added"
    await db.execute(
        f"INSERT INTO {tally.table} AS t ({tally.keys}, n) SELECT {tally.keys}, n FROM ({tally.bucketed(rows)}) b "
        f"ON CONFLICT ({tally.keys}) DO UPDATE SET n = t.n + excluded.n",
        first,
    )


def _chunks(
    first: int, samples: int, made: tenants.Tenants, workers: list[tuple[str, str]], *, start: int, end: int
) -> list[Chunk]:
    chunks = []
    for begin in range(0, samples, PIECE):
        size = min(PIECE, samples - begin)
        span = (end - start) / samples
        times = int(start + begin * span), int(start + (begin + size) * span)
        chunks.append(Chunk(first + begin, first + begin + size - 1, *times, made, workers))
    return chunks


def _copy(job: tuple[str, Chunk]) -> None:
    asyncio.run(_copy_chunk(*job))


async def _copy_chunk(url: str, chunk: Chunk) -> None:
    texts = Maker(chunk).make()
    async with connected(url, timeout_seconds=PATIENCE) as db:
        await db.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        async with db.transaction():
            for table, text in texts.items():
                await db.copy_to_table(
                    table, source=_pieces(text), columns=COLUMNS[table].split(), format="text"
                )


async def _pieces(text: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(text), 1 << 18):
        yield text[start : start + (1 << 18)]


async def _drop_indexes(db: Any) -> list[str]:
    found = await db.fetch(INDEXES, list(COLUMNS))
    for name, _ in found:
        await db.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


async def _make_indexes(db: Any, definitions: list[str]) -> None:
    await db.execute("SET maintenance_work_mem = '1GB'")
    for definition in definitions:
        await db.execute(re.sub(r" INDEX (\S+) ON", r" INDEX IF NOT EXISTS \1 ON", definition))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the PostgreSQL of a service of your own that is there for nothing else")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--days", type=int, default=28)
    given = parser.parse_args()
    began = time.monotonic()
    asyncio.run(fill(given.url, given.samples, given.customers, given.days))
    print(f"{given.samples} samples with all that belongs to them in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
