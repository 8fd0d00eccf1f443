"""Of a sample with very many links, a page of relations reads about as many links as the page shows."""

from collections.abc import AsyncIterator

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Page, Sql
from samplebank.samples.catalogue import get_known
from samplebank.samples.links import links_of
from samplebank.search.glance import Glances
from samplebank.search.references import References
from samplebank.search.tree import below
from search.conftest import SAMPLES, rows_read

SAMPLE, LINKS = SAMPLES // 2, 5_000
LINK = """
    INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, readers, agent_name, agent_version,
                      created_time)
    SELECT gen_random_uuid(), u.sample_id, other.sha256, 'child', u.customer_id, u.user_id, 'amber', '{}', u.readers,
           'tests', '1', u.submitted_time + other.id
      FROM (SELECT * FROM submission WHERE sample_id = $1 LIMIT 1) u,
           (SELECT id, sha256 FROM sample WHERE deleted_time IS NULL AND id <> $1 ORDER BY id LIMIT $2) other
"""
SHA256 = "SELECT sha256 FROM sample WHERE id = $1"
SHOWN = 50


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database, rolled back after the test, with a sample that has very many links."""
    async with filled[0].connection() as db:
        transaction = db.transaction()
        await transaction.start()
        await db.execute(LINK, SAMPLE, LINKS)
        await db.execute("ANALYZE link")
        yield db
        await transaction.rollback()


async def test_the_tree_of_a_sample_with_very_many_links_reads_no_more_links_than_it_shows(
    db: Connection, callers: dict[str, Caller]
) -> None:
    before = await rows_read(db, "link")

    query = Sql("SELECT {} FROM sample s WHERE s.id = {}", below(callers["admin"], SHOWN), SAMPLE)
    is_whole, branches = await query.value(db)

    assert await rows_read(db, "link") - before <= 2 * SHOWN
    assert (is_whole, len(branches)) == (False, SHOWN)


async def test_a_page_of_very_many_links_reads_no_more_links_than_it_shows(
    db: Connection, callers: dict[str, Caller]
) -> None:
    caller, sample = callers["admin"], await get_known(db, await db.fetchval(SHA256, SAMPLE))
    before = await rows_read(db, "link")

    page = await References(caller, links_of(caller, sample), Glances(caller)).page(db, Page(SHOWN))

    assert await rows_read(db, "link") - before <= 2 * SHOWN
    assert len(page) == SHOWN
