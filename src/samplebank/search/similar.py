"""Samples that are like a sample: near by TLSH, or with a value in common. Only samples that the caller may see count."""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, Statement, all_of, any_of
from samplebank.database.planning import SERIAL, plan_for_values
from samplebank.samples.derived_facts import WELL_KNOWN
from samplebank.samples.fact_kinds import TLSH
from samplebank.samples.model import Sample
from samplebank.samples.tlsh import Tlsh
from samplebank.search.overview import SampleShape, get_shown

R = TypeVar("R")
#: samples that are counted with a value: a value that more samples have is common
MOST_COUNTED: Final = 1000
#: samples that are counted with a value of two samples: enough to tell a rare value from a common one
MOST_COUNTED_OF_TWO: Final = 100
#: samples that are named with a value, the newest
NEWEST: Final = 3
#: milliseconds for counting; after these, so many of the newest samples with a value are looked at
COUNTING, LOOKED_AT = 250, 2000
#: values of a sample that are looked for
MOST_VALUES: Final = 60

#: an index finds the samples, and each sample is looked up until there are enough
ROW_BY_ROW: Final = (*SERIAL, "enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off")
FACTS = Statement("""
    SELECT f.kind, v.said AS value, v.digest, f.agent_name, f.agent_version
      FROM derived_fact f, unnest(f.said, f.digests) WITH ORDINALITY v(said, digest, place)
     WHERE f.sample_id = :sample_id ORDER BY f.kind <> 'tlsh', cardinality(f.said) > 1, f.kind, v.place LIMIT :most
""")
FACTS_OF_TWO = Statement("""
    SELECT f.sample_id, f.kind, v.said AS value, v.digest, f.agent_name, f.agent_version
      FROM derived_fact f, unnest(f.said, f.digests) WITH ORDINALITY v(said, digest, place)
     WHERE f.sample_id IN (:a, :b) AND f.kind <> 'tlsh' ORDER BY f.kind, v.place
""")
# 0 and 3 in a bucket differ by 6, where the bits differ by 3. The near digests are found before any sample is looked at: the
# planner takes the bands for common, and would begin with all samples that the caller may see.
NEAR = """
    WITH n AS MATERIALIZED (
        SELECT t.sample_id,
               bit_count(t.body # {body}::text::bit(384))
               + 3 * ({threes} - bit_count(t.body & {of_threes}::text::bit(384)) + bit_count(t.body & {of_zeros}::text::bit(384)))
               + CASE WHEN t.header >> 16 = {checksum} THEN 0 ELSE 1 END
               + ({lengths}::int[])[(t.header >> 8 & 255) + 1] + ({quartiles}::int[])[(t.header & 255) + 1] AS distance
          FROM tlsh t
         WHERE {probes} AND bit_count(t.body # {body}::text::bit(384)) <= {furthest}
    )
    SELECT n.distance, s.sha256
      FROM n CROSS JOIN LATERAL (SELECT s.id, s.sha256 FROM sample s WHERE s.id = n.sample_id AND {seen} LIMIT 1) s
     WHERE n.distance <= {furthest} ORDER BY n.distance, s.id DESC LIMIT {most}
"""
# Band by band: the index compares each digest that is found with all keys of the array, so that one array takes ten times as long.
PROBE: Final = "tlsh_keys(t.bands, t.header) && {}::int[]"
SHARED = f"""
    SELECT found.number, found.newest
      FROM unnest({{digests}}::uuid[]) WITH ORDINALITY v(digest, place)
     CROSS JOIN LATERAL (
        SELECT count(*) AS number, (array_agg(one.sha256 ORDER BY one.id DESC))[:{NEWEST}] AS newest
          FROM (SELECT s.id, s.sha256 FROM {{source}} d JOIN sample s ON s.id = d.sample_id
                 WHERE {{seen}} ORDER BY d.sample_id DESC LIMIT {{most}} + 1) one
     ) found
     ORDER BY v.place
"""
EVERY = Sql("(SELECT sample_id FROM derived_value WHERE digest = v.digest)")
NEWEST_ONES = Sql(f"""
    (SELECT sample_id FROM derived_value WHERE digest = v.digest ORDER BY sample_id DESC LIMIT {LOOKED_AT})
""")


class Derived(msgspec.Struct, frozen=True):
    """A value that a worker derived from the bytes of a sample."""

    kind: str
    value: str
    digest: UUID
    agent_name: str
    agent_version: str


class Near(msgspec.Struct, frozen=True):
    distance: int
    sha256: bytes


class Shared(msgspec.Struct, frozen=True):
    """A value with the other samples that have the value: their number, and the newest of them.

    `is_more`: there may be more samples than `number`. A common value says little.
    """

    fact: Derived
    number: int
    is_more: bool
    is_common: bool
    newest: list[bytes]


class FactsOfTwo(msgspec.Struct, frozen=True):
    """What workers derived of two samples. `shared` are the values of both, the rarest first, with the number of other samples."""

    a: list[Derived]
    b: list[Derived]
    shared: list[Shared]


class Similar(msgspec.Struct, Generic[R], frozen=True):
    """`samples` has each sample that `near` and `shared` name. `is_more`: more samples are as near."""

    tlsh: str | None
    near: list[Near]
    is_more: bool
    shared: list[Shared]
    samples: dict[bytes, R]


async def similar_to(
    db: Connection, caller: Caller, sample: Sample, shown: SampleShape[R], *, furthest: int, most: int
) -> Similar[R]:
    """Find what is like a sample that the caller may see, in the shape `shown`. `db` is in a transaction."""
    facts = [Derived(**row) for row in await FACTS.rows(db, sample_id=sample.id, most=MOST_VALUES)]
    tlsh = next((fact.value for fact in facts if fact.kind == TLSH), None)
    others = [fact for fact in facts if fact.kind != TLSH]
    seen = all_of(
        [
            Sql("s.id <> {}", sample.id),
            Sql("s.deleted_time IS NULL"),
            see_samples(caller, "s", Permission.VIEW_SAMPLES),
        ]
    )
    await plan_for_values(db, *ROW_BY_ROW)
    near = [] if tlsh is None else await nearest(db, Tlsh.read(tlsh), seen, furthest=furthest, most=most + 1)
    shared = await _shared(db, others, seen) if others else []
    named = {one.sha256 for one in near[:most]} | {digest for one in shared for digest in one.newest}
    return Similar(
        tlsh=tlsh,
        near=near[:most],
        is_more=len(near) > most,
        shared=shared,
        samples=await get_shown(db, caller, sorted(named), shown),
    )


async def facts_of_two(db: Connection, caller: Caller, a: Sample, b: Sample) -> FactsOfTwo:
    """Find the values of two samples that the caller may see, and how rare the shared values are. `db` is in a transaction.

    At most `MOST_VALUES` of the shared values are counted.
    """
    facts: dict[int, list[Derived]] = {a.id: [], b.id: []}
    for row in await FACTS_OF_TWO.rows(db, a=a.id, b=b.id):
        fact = dict(row)
        facts[fact.pop("sample_id")].append(Derived(**fact))
    theirs = {fact.digest for fact in facts[b.id]}
    both = [fact for fact in facts[a.id] if fact.digest in theirs][:MOST_VALUES]
    if not both:
        return FactsOfTwo(facts[a.id], facts[b.id], [])
    seen = all_of(
        [
            Sql("s.id <> ALL ({}::bigint[])", [a.id, b.id]),
            Sql("s.deleted_time IS NULL"),
            see_samples(caller, "s", Permission.VIEW_SAMPLES),
        ]
    )
    await plan_for_values(db, *ROW_BY_ROW)
    shared = await _shared(db, both, seen, MOST_COUNTED_OF_TWO)
    return FactsOfTwo(
        facts[a.id], facts[b.id], sorted(shared, key=lambda one: (one.is_common, one.is_more, one.number))
    )


async def nearest(db: Connection, tlsh: Tlsh, seen: Sql, *, furthest: int, most: int) -> list[Near]:
    """Find the samples near a digest, the nearest first. `seen` is the condition on the samples `s` that may be told."""
    buckets = tlsh.buckets
    threes = "".join("1" if bucket == 3 else "0" for bucket in buckets)  # noqa: PLR2004 the most in a bucket
    zeros = "".join("0" if bucket else "1" for bucket in buckets)
    nothing = "0" * len(buckets)
    query = Sql(
        NEAR,
        body=tlsh.bits,
        threes=threes.count("1"),
        of_threes=threes + nothing + nothing,
        of_zeros=nothing + nothing + zeros,
        checksum=tlsh.checksum,
        lengths=tlsh.length_costs(),
        quartiles=tlsh.quartile_costs(),
        probes=any_of(Sql(PROBE, keys) for keys in tlsh.probes(furthest)),
        furthest=furthest,
        seen=seen,
        most=most,
    )
    return [Near(**row) for row in await query.rows(db)]


async def _shared(
    db: Connection, facts: Sequence[Derived], seen: Sql, most: int = MOST_COUNTED
) -> list[Shared]:
    """Count the samples with each of the values. Where counting takes long, the newest samples with a value are counted."""
    try:
        async with db.transaction():
            await db.execute(f"SET LOCAL statement_timeout = {COUNTING}")
            found = await _counted(db, facts, seen, source=EVERY, is_cut=False, most=most)
            await db.execute("SET LOCAL statement_timeout TO DEFAULT")
            return found
    except asyncpg.QueryCanceledError:
        return await counted_among_newest(db, facts, seen, most)


async def counted_among_newest(
    db: Connection, facts: Sequence[Derived], seen: Sql, most: int = MOST_COUNTED
) -> list[Shared]:
    """Count among the newest samples with each value, to `most`.

    There may always be more: whether older samples have the value would tell of samples that the caller may not see.
    """
    return await _counted(db, facts, seen, source=NEWEST_ONES, is_cut=True, most=most)


async def _counted(
    db: Connection, facts: Sequence[Derived], seen: Sql, *, source: Sql, is_cut: bool, most: int
) -> list[Shared]:
    digests = [fact.digest for fact in facts]
    rows = await Sql(SHARED, digests=digests, source=source, seen=seen, most=Sql(str(most))).rows(db)
    return [
        Shared(
            fact=fact,
            number=min(number, most),
            is_more=is_cut or number > most,
            is_common=number > most or (fact.kind, fact.value) in WELL_KNOWN,
            newest=newest or [],
        )
        for fact, (number, newest) in zip(facts, rows, strict=True)
    ]
