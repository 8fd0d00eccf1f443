"""What needs eyes: the newest arrivals whose verdict is malicious, suspicious, or contradicts itself."""

from collections.abc import Iterable

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, all_of
from samplebank.search.arrivals import MOST
from samplebank.timespec import Millis
from samplebank.verdicts.model import IS_WITHDRAWAL, SUSPICIOUS_SCORE

#: submissions read at first for each told sample
FOR_EACH = 10


class Notable(msgspec.Struct, frozen=True):
    """A submission whose sample needs eyes, with the verdict of the sample."""

    sha256: bytes
    file_name: str
    customer_id: int
    submitted_time: Millis
    score: int
    status_override: str | None
    contradicting: bool


COLUMNS = Columns.of(
    Notable,
    "n",
    sha256="s.sha256",
    score="l.score",
    status_override="l.status_override",
    contradicting="l.contradicting",
)
# The latest verdict `l` of a sample `s` is what somebody has said by hand, or carries that. NULL without a verdict by hand.
IS_JUDGED = f"""
    (SELECT NOT {IS_WITHDRAWAL} AND v.status_override = l.status_override FROM verdict v
      WHERE v.sample_id = s.id AND v.manual ORDER BY v.created_time DESC, v.id DESC LIMIT 1)
"""
# The submissions come in the order of their index, and reading ends when enough are found.
NOTABLE = f"""
    SELECT {{columns}} FROM (
        SELECT u.sample_id, u.file_name, u.customer_id, u.submitted_time FROM submission u
         WHERE {{seen}} ORDER BY u.submitted_time DESC LIMIT {{looked_at}}
    ) n JOIN sample s ON s.id = n.sample_id JOIN verdict l ON l.id = s.verdict_id
     WHERE s.deleted_time IS NULL
       AND (l.contradicting OR (l.status_override = 'malicious' OR l.status_override IS NULL AND l.score >= {{least}}::int)
                               AND {IS_JUDGED} IS NOT TRUE)
     ORDER BY n.submitted_time DESC LIMIT {{most}}
"""


async def notable(
    db: Connection, caller: Caller, *, since: Millis, malicious_score: int, most: int
) -> list[Notable]:
    """Find what needs eyes among the newest submissions from `since` on, each sample once, the newest first.

    A sample that somebody judged by hand needs no eyes for as long as the verdict by hand holds, unless the verdicts contradict
    each other. Submissions are those of the customers whose submissions, samples and verdicts the caller may see.
    """
    needed = (Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES, Permission.VIEW_VERDICTS)
    seen = [
        Sql("u.submitted_time >= {}", since),
        *(see_customers(caller, "u.customer_id", one) for one in needed),
    ]
    found: list[Notable] = []
    # Where a sample was submitted again and again, the first read finds few samples.
    for limit in (most * FOR_EACH, MOST):
        query = Sql(
            NOTABLE,
            columns=COLUMNS.selected,
            seen=all_of(seen),
            looked_at=MOST,
            least=min(SUSPICIOUS_SCORE, malicious_score),
            most=limit,
        )
        rows = await query.rows(db)
        found = _once_each(COLUMNS.read(row) for row in rows)[:most]
        if len(found) == most or len(rows) < limit:
            break
    return found


def _once_each(found: Iterable[Notable]) -> list[Notable]:
    """The newest submission of each sample."""
    by_sample: dict[bytes, Notable] = {}
    for one in found:
        by_sample.setdefault(one.sha256, one)
    return list(by_sample.values())
