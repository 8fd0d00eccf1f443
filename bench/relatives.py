"""Facts of made-up samples: families with near digests, and values shared by few or very many samples.

Some digests are digests of files of this machine, so that digests crowd as among real files. All others are moved
or shuffled from digests of files.
"""

import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np

from samplebank.samples.derived_facts import digest_of
from samplebank.samples.fact_kinds import TLSH
from samplebank.samples.tlsh import BUCKETS
from samplebank.worker.analysers.static.facts import tlsh_package

tlsh = tlsh_package.imported()

#: samples of one COPY
PIECE = 20_000
#: samples for each family, files looked at for digests, and the bytes of the files
FAMILY, MOST_FILES, SIZES = 20, 4000, range(1024, 512 * 1024)
#: the part of the buckets in which a member differs from its family
DRIFTS = (0.0, 0.01, 0.03, 0.08, 0.15, 0.25, 0.5)
CERTIFICATES = 2
LACKING = "SELECT id FROM sample s WHERE NOT EXISTS (SELECT FROM tlsh t WHERE t.sample_id = s.id) ORDER BY id"
INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = 'tlsh_keys'"
DIGESTS = "SELECT sample_id, said[1] FROM derived_fact WHERE kind = 'tlsh' ORDER BY sample_id"
COST = np.array([[0, 1, 2, 6], [1, 0, 1, 2], [2, 1, 0, 1], [6, 2, 1, 0]], dtype=np.uint8)

Buckets = Any  # an array of buckets, one row for each digest


def real_digests(most: int = MOST_FILES) -> Buckets:
    """The buckets of the digests of files of this Python."""
    found: list[bytes] = []
    for path in sorted(Path(sys.prefix).rglob("*.*")):
        if len(found) == most:
            break
        if path.is_file() and path.stat().st_size in SIZES:
            digest = tlsh.Tlsh(path.read_bytes())
            digest.final()
            if digest.valid:
                found.append(bytes.fromhex(digest.hexdigest())[3:])
    return _buckets_of(np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, BUCKETS // 4))


def _buckets_of(bodies: Any) -> Buckets:
    return np.stack([bodies >> shift & 3 for shift in (6, 4, 2, 0)], axis=2).reshape(len(bodies), BUCKETS)


async def fill(
    db: "asyncpg.Connection[asyncpg.Record]", files: int = MOST_FILES, most: int | None = None
) -> int:
    """Give `most` samples without facts some, of families around `files` real files. Answers the number of these samples."""
    ids = [row[0] for row in await db.fetch(LACKING)][:most]
    chance = np.random.default_rng(1)
    families = _families(chance, real_digests(files), max(1, len(ids) // FAMILY))
    index = await db.fetchval(INDEX)
    await db.execute("DROP INDEX tlsh_keys")
    for start in range(0, len(ids), PIECE):
        for table, columns, rows in _rows(chance, families, ids[start : start + PIECE]):
            await db.copy_to_table(table, source=io.BytesIO(rows), columns=columns, format="text")
    await db.execute(index)
    for table in ("derived_fact", "derived_value", "tlsh"):
        await db.execute(f"VACUUM (ANALYZE) {table}")
    return len(ids)


def _families(chance: Any, real: Buckets, number: int) -> Buckets:
    drawn = real[chance.integers(0, len(real), number)]
    shuffled = chance.permuted(drawn, axis=1)
    return np.where((np.arange(number) % 2 == 0)[:, None], drawn, shuffled)


def _rows(chance: Any, families: Buckets, ids: Sequence[int]) -> Iterator[tuple[str, tuple[str, ...], bytes]]:
    """(table, columns, text for COPY) of the facts of samples."""
    number = len(ids)
    # few families are large: the largest has one sample of the square root of their number
    family = (len(families) * chance.random(number) ** 2).astype(int)
    buckets = _moved(chance, families[family])
    headers = np.stack(
        [chance.integers(0, 256, number), 60 + family % 60 + chance.integers(0, 2, number), family % 256],
        axis=1,
    )
    bodies = (
        (buckets.reshape(number, BUCKETS // 4, 4) * np.array([64, 16, 4, 1])).sum(axis=2).astype(np.uint8)
    )
    yield "tlsh", ("sample_id", "body", "header", "bands"), _numbers(ids, buckets, headers, bodies)
    said = list(_said(ids, family, headers, bodies))
    facts = "".join(
        f"{id_}\t{kind}\t{{{','.join(values)}}}\t{{{','.join(digests)}}}\tstatic\t1.0\t1\n"
        for id_, kind, values, digests in said
    )
    columns = ("sample_id", "kind", "said", "digests", "agent_name", "agent_version", "created_time")
    yield "derived_fact", columns, facts.encode()
    shared = "".join(f"{digest}\t{id_}\n" for id_, _, _, digests in said for digest in digests)
    yield "derived_value", ("digest", "sample_id"), shared.encode()


def _moved(chance: Any, buckets: Buckets) -> Buckets:
    """The members of families: as the family, but for some buckets that differ by 1."""
    drift = np.array(DRIFTS)[chance.integers(0, len(DRIFTS), len(buckets))]
    steps = np.where(buckets == 0, 1, np.where(buckets == 3, -1, chance.choice([-1, 1], buckets.shape)))  # noqa: PLR2004
    return (buckets + steps * (chance.random(buckets.shape) < drift[:, None])).astype(np.uint8)


def _numbers(ids: Sequence[int], buckets: Buckets, headers: Any, bodies: Any) -> bytes:
    bits = np.concatenate([buckets >= least for least in (1, 2, 3)], axis=1).astype(np.uint8) + ord("0")
    bands = bodies.view(">u2").astype(int) + (np.arange(bodies.shape[1] // 2) << 16)
    numbers = headers[:, 0] << 16 | headers[:, 1] << 8 | headers[:, 2]
    return "".join(
        f"{id_}\t{row.tobytes().decode()}\t{header}\t{{{','.join(map(str, listed))}}}\n"
        for id_, row, header, listed in zip(ids, bits, numbers, bands.tolist(), strict=True)
    ).encode()


def _said(
    ids: Sequence[int], family: Any, headers: Any, bodies: Any
) -> Iterator[tuple[int, str, list[str], list[str]]]:
    """(sample, kind, values, digests) of each fact."""
    for id_, own, (checksum, length, quartiles), body in zip(
        ids, family.tolist(), headers.tolist(), bodies, strict=True
    ):
        swapped = length >> 4 | (length & 15) << 4
        digest = f"T1{bytes((checksum, swapped, quartiles)).hex()}{body.tobytes().hex()}"
        facts = {
            TLSH: [digest[:2] + digest[2:].upper()],
            "imphash": [hashlib.md5(b"%d" % own, usedforsecurity=False).hexdigest()],
            "section": [hashlib.sha256(text).hexdigest() for text in (b"of %d" % own, b"own %d" % id_)],
            "certificate": [hashlib.sha256(b"by %d" % (own % CERTIFICATES)).hexdigest()],
        }
        for kind, values in facts.items():
            yield id_, kind, values, [str(digest_of(kind, value)) for value in values]


class BruteForce:
    """All digests, each of which is compared: slow, and exact."""

    def __init__(self, rows: Sequence[tuple[int, str]]) -> None:
        self.ids = np.array([row[0] for row in rows])
        data = np.frombuffer(bytes.fromhex("".join(row[1][2:] for row in rows)), dtype=np.uint8).reshape(
            -1, 35
        )
        self._checksums, lengths, self._quartiles = data[:, 0], data[:, 1], data[:, 2]
        self._lengths = lengths >> 4 | lengths << 4
        self._buckets = _buckets_of(data[:, 3:])

    @classmethod
    async def of(cls, db: "asyncpg.Connection[asyncpg.Record]") -> "BruteForce":
        return cls([(row[0], row[1]) for row in await db.fetch(DIGESTS)])

    def distances(self, digest: Any) -> Any:
        """The distance of each digest to one `Tlsh`."""
        rows = np.zeros(len(self.ids), dtype=int)
        for place, bucket in enumerate(digest.buckets):
            rows += COST[bucket][self._buckets[:, place]]
        rows += (
            np.array(digest.length_costs())[self._lengths]
            + np.array(digest.quartile_costs())[self._quartiles]
        )
        return rows + (self._checksums != digest.checksum)
