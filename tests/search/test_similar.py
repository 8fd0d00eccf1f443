"""In a large database, near samples are found with their exact distance, and what very many samples share costs little."""

from bench.relatives import BruteForce
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Sql
from samplebank.database.planning import plan_for_values
from samplebank.samples.catalogue import get_known
from samplebank.samples.model import Sample
from samplebank.samples.tlsh import FURTHEST, Tlsh
from samplebank.search.glance import Glance, Glances
from samplebank.search.similar import (
    LOOKED_AT,
    MOST_COUNTED,
    ROW_BY_ROW,
    Derived,
    Near,
    Similar,
    counted_among_newest,
    nearest,
    similar_to,
)
from samplebank.worker.analysers.static.facts import tlsh_package
from search.conftest import ENTRIES, READ, RELATED, forget_scans

tlsh = tlsh_package.imported()
#: the distance up to which the bands find every sample
SURE = 31
#: samples that are searched for; others are deleted, or seen by nobody
SEARCHED = range(3, RELATED, RELATED // 10)
DIGEST = "SELECT said[1] FROM derived_fact WHERE sample_id = $1 AND kind = 'tlsh'"
SHA256 = "SELECT sha256 FROM sample WHERE id = $1"
VALUES = "SELECT unnest(digests) FROM derived_fact WHERE sample_id = $1 AND kind <> 'tlsh'"
IDS = "SELECT id, sha256 FROM sample WHERE deleted_time IS NULL"
#: the furthest length that is looked at: five lengths by the distance, and seven because the index has steps of eight
REACH = 5 + 7
WITH_A_BAND = """
    SELECT count(*), count(*) FILTER (WHERE abs((header >> 8 & 255) - $2) <= $3) FROM tlsh WHERE bands && $1::int[]
"""


async def sample_of(db: Connection, id_: int) -> Sample:
    return await get_known(db, await db.fetchval(SHA256, id_))


async def found(db: Connection, caller: Caller, id_: int, most: int = RELATED) -> Similar[Glance]:
    sample = await sample_of(db, id_)
    async with db.transaction(readonly=True):
        return await similar_to(db, caller, sample, Glances(caller), furthest=FURTHEST, most=most)


async def test_distances_are_those_of_the_library(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    async with filled[0].connection() as db:
        digests = {row[1]: row[0] for row in await db.fetch(IDS)}
        compared = 0
        for id_ in SEARCHED:
            own = await db.fetchval(DIGEST, id_)
            for one in (await found(db, callers["admin"], id_, most=50)).near:
                other = await db.fetchval(DIGEST, digests[one.sha256])

                assert one.distance == tlsh.diff(own, other)
                compared += 1
    assert compared > len(SEARCHED)


async def test_all_samples_that_are_near_enough_are_found(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    async with filled[0].connection() as db:
        every = await BruteForce.of(db)  # type: ignore[arg-type]  # lent by the pool
        ids = {row[1]: row[0] for row in await db.fetch(IDS)}
        for id_ in SEARCHED:
            distances = every.distances(Tlsh.read(await db.fetchval(DIGEST, id_)))
            near = {int(one) for one in every.ids[distances <= SURE]} & set(ids.values()) - {id_}

            told = (await found(db, callers["admin"], id_)).near

            assert {ids[one.sha256] for one in told if one.distance <= SURE} == near


async def test_the_near_samples_are_looked_at_however_few_samples_the_caller_may_see(
    filled: tuple[Database, Tenants],
) -> None:
    """With many samples, the planner would begin with all samples of a reader of one customer: 2.6 s of 1,000,000."""
    everything, nothing = Sql("TRUE"), Sql("s.readers && ARRAY[-1000000]::bigint[]")
    async with filled[0].connection() as db:
        # what other tests have changed and taken back is still in the indexes, and would be read, too
        await db.execute("VACUUM (INDEX_CLEANUP ON) sample")
        digest = Tlsh.read(await db.fetchval(DIGEST, SEARCHED[0]))
        near = await near_of(db, digest, everything)
        await forget_scans(db)

        none = await near_of(db, digest, nothing)

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(ENTRIES, "sample")
    assert (none, read) == ([], len(near))


async def test_only_digests_of_about_the_same_length_are_looked_at(
    filled: tuple[Database, Tenants],
) -> None:
    async with filled[0].connection() as db:
        digest = Tlsh.read(await db.fetchval(DIGEST, SEARCHED[0]))
        probes = [number % (1 << 20) for keys in digest.probes(FURTHEST) for number in keys]
        ((found, of_length),) = await db.fetch(WITH_A_BAND, probes, digest.length, REACH)
        await forget_scans(db)

        await near_of(db, digest, Sql("TRUE"))

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "tlsh")
    assert read <= of_length < found


async def near_of(db: Connection, digest: Tlsh, seen: Sql) -> list[Near]:
    async with db.transaction(readonly=True):
        await plan_for_values(db, *ROW_BY_ROW)
        return await nearest(db, digest, seen, furthest=FURTHEST, most=RELATED)


async def test_what_very_many_samples_share_is_common_and_counted_no_further(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        shared = (await found(db, callers["admin"], SEARCHED[0], most=1)).shared

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "sample")
    (certificate,) = (one for one in shared if one.fact.kind == "certificate")
    assert (certificate.number, certificate.is_more, certificate.is_common) == (MOST_COUNTED, True, True)
    assert read <= len(shared) * (MOST_COUNTED + 100)


async def test_where_counting_takes_long_the_newest_samples_are_looked_at(
    filled: tuple[Database, Tenants],
) -> None:
    nobody = Sql("s.id < 0")
    async with filled[0].connection() as db:
        facts = [Derived("icon", "", row[0], "", "") for row in await db.fetch(VALUES, SEARCHED[0])]
        await forget_scans(db)

        found = await counted_among_newest(db, facts, nobody)

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(ENTRIES, "derived_value")
    assert {(one.number, one.is_more) for one in found} == {(0, True)}
    assert read <= len(facts) * 2 * (LOOKED_AT + 10)
