"""Facts that follow from the bytes of a sample, as workers derive the facts: the kinds, and how the facts are stored.

What is said first of a kind stays: a fact never changes. Another way to derive a value needs a kind of its own.
"""

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from samplebank.database import Connection, Statement
from samplebank.samples.fact_kinds import TLSH, Fact
from samplebank.samples.tlsh import Tlsh
from samplebank.timespec import Millis

#: values that say nothing of a sample: the imports of every program of .NET
WELL_KNOWN: Final = frozenset(
    ("imphash", hashlib.md5(f"mscoree.{entry}".encode(), usedforsecurity=False).hexdigest())
    for entry in ("_corexemain", "_cordllmain")
)


def digest_of(kind: str, value: str) -> UUID:
    """Make the digest by which the samples with a value are found."""
    return UUID(bytes=hashlib.sha256(f"{kind}\0{value}".encode()).digest()[:16])


def stored_with(held: str) -> str:
    """Part of a statement: stores facts of a sample, if `held` has a row. Takes the parameters of `values`.

    The row of `held` comes from a statement that has locked the sample. Who comes second with a kind adds nothing.
    """
    return f"""
        fact_stored AS (
            INSERT INTO derived_fact (sample_id, kind, said, digests, agent_name, agent_version, created_time)
            SELECT :fact_sample_id::bigint, f.kind, f.said, f.digests, :fact_agent_name::text,
                   :fact_agent_version::text, :fact_time::bigint
              FROM {held}, jsonb_to_recordset(:facts::jsonb) AS f(kind text, said text[], digests uuid[])
             ORDER BY f.kind
                ON CONFLICT (sample_id, kind) DO NOTHING
            RETURNING kind, digests
        ),
        value_stored AS (
            INSERT INTO derived_value (digest, sample_id)
            SELECT unnest(digests), :fact_sample_id FROM fact_stored ON CONFLICT DO NOTHING
        ),
        tlsh_stored AS (
            INSERT INTO tlsh (sample_id, body, header, bands)
            SELECT :fact_sample_id, :tlsh_body::text::bit(384), :tlsh_header::int, :tlsh_bands::int[]
              FROM fact_stored WHERE kind = '{TLSH}' ON CONFLICT DO NOTHING
        )
    """


ADD = Statement(f"WITH {stored_with('(SELECT) held')} SELECT 1")
#: deletes the facts of a sample. All at once, as a sample has few
DELETE = Statement("""
    WITH gone AS (DELETE FROM derived_fact WHERE sample_id = :sample_id RETURNING digests),
    values_gone AS (
        DELETE FROM derived_value v USING gone
         WHERE v.digest = ANY (gone.digests) AND v.sample_id = :sample_id
    ),
    tlsh_gone AS (DELETE FROM tlsh WHERE sample_id = :sample_id)
    SELECT count(*) FROM gone
""")


def values(
    sample_id: int, facts: Sequence[Fact], *, agent_name: str, agent_version: str, now: Millis
) -> dict[str, object]:
    """The parameters of `stored_with`. Each value once, in the order of the worker; the facts keep the rules."""
    said: dict[str, dict[str, UUID]] = {}
    for fact in facts:
        said.setdefault(fact.kind, {})[fact.value] = digest_of(fact.kind, fact.value)
    rows = [
        {"kind": kind, "said": list(found), "digests": list(found.values())} for kind, found in said.items()
    ]
    digest = Tlsh.read(next(iter(said[TLSH]))) if TLSH in said else None
    return {
        "facts": msgspec.json.encode(rows),
        "fact_sample_id": sample_id,
        "fact_agent_name": agent_name,
        "fact_agent_version": agent_version,
        "fact_time": now,
        "tlsh_body": digest and digest.bits,
        "tlsh_header": digest and digest.header,
        "tlsh_bands": digest and digest.bands,
    }


async def add(
    db: Connection, sample_id: int, facts: Sequence[Fact], *, agent_name: str, agent_version: str, now: Millis
) -> None:
    """Store facts of a sample that are not known yet, in the transaction of `db`."""
    given = values(sample_id, facts, agent_name=agent_name, agent_version=agent_version, now=now)
    await ADD.run(db, **given)


async def delete(db: Connection, sample_id: int) -> int:
    """Delete the facts of a sample; answers how many kinds there were."""
    number: int = await DELETE.value(db, sample_id=sample_id)
    return number
