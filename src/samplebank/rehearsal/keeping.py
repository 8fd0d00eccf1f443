"""What a copy has to keep: the rows of its backup, and the promises of the rehearsal."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from samplebank.database.connection import connect_alone
from samplebank.rehearsal.load import Promise

#: promises that are looked up at once
AT_ONCE: Final = 5_000
#: rows that no retention takes while the rehearsal goes on
LASTING: Final = """
    SELECT (SELECT count(*) FROM submission WHERE expiry_time IS NULL AND agent_name <> $1),
           (SELECT count(*) FROM sample s WHERE deleted_time IS NULL AND EXISTS (
               SELECT FROM submission u WHERE u.sample_id = s.id AND u.expiry_time IS NULL AND u.agent_name <> $1))
"""
STORED: Final = """
    SELECT encode(s.sha256, 'hex'), u.file_name, count(*) FROM submission u JOIN sample s ON s.id = u.sample_id
     WHERE s.sha256 = ANY ($1) AND u.agent_name = $2 GROUP BY 1, 2
"""


class Kept(msgspec.Struct, frozen=True):
    """Rows of the backup that stay until somebody deletes them."""

    submissions: int
    samples: int


async def count_kept(url: str, agent: str) -> Kept:
    """Count the rows of the backup: all that the `agent` of the rehearsal has not submitted."""
    db = await connect_alone(url)
    try:
        return Kept(*await db.fetchrow(LASTING, agent) or (0, 0))
    finally:
        await db.close()


async def broken(url: str, agent: str, promises: Sequence[Promise]) -> tuple[int, int]:
    """Count the lost promises of the `agent`, and the promises that are stored more than once."""
    found = Counter[tuple[str, str]]()
    db = await connect_alone(url)
    try:
        for start in range(0, len(promises), AT_ONCE):
            digests = [bytes.fromhex(one.sha256) for one in promises[start : start + AT_ONCE]]
            for sha256, name, number in await db.fetch(STORED, digests, agent):
                found[sha256, name] = number
    finally:
        await db.close()
    return compared(found, promises)


def compared(found: Counter[tuple[str, str]], promises: Sequence[Promise]) -> tuple[int, int]:
    """Count the promises that are not among what was found by sha256 and name, and the promises that are there more than once."""
    counts = [found[one.sha256, one.file_name] for one in promises]
    return sum(count == 0 for count in counts), sum(count > 1 for count in counts)
