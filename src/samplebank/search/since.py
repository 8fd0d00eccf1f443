"""What arrived since a user was last here, with the queries that the user saved: one statement for the first page."""

from collections.abc import Sequence

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.accounts.saved_queries import SavedQuery, queries_as_json, read_queries
from samplebank.database import Connection, Sql
from samplebank.search.arrivals import CLASSES, JUDGED, seen_with_verdicts
from samplebank.timespec import Millis

#: the most submissions counted, of the newest
MOST = 1_000
# The end of the last visit stands in a query of its own, so that the index of times is read from there on.
SINCE = f"""
    WITH visit AS MATERIALIZED (SELECT before_time FROM last_visit WHERE user_id = {{user}}),
    newest AS MATERIALIZED (
        SELECT u.sample_id FROM submission u
         WHERE u.submitted_time >= (SELECT greatest(before_time, {{oldest}}) FROM visit WHERE before_time IS NOT NULL)
           AND {{seen}}
         ORDER BY u.submitted_time DESC LIMIT {MOST}
    )
    SELECT (SELECT before_time FROM visit) AS before, {{saved}} AS saved, count(*) AS arrived, {CLASSES},
           count(*) FILTER (WHERE v.contradicting) AS contradicting
      FROM {JUDGED}
"""


class SinceVisit(msgspec.Struct, frozen=True):
    """What arrived since the end of the last visit. `before` is None for a user who is here for the first time."""

    before: Millis | None
    saved: Sequence[SavedQuery]
    arrived: int
    malicious: int
    suspicious: int
    contradicting: int

    @property
    def is_complete(self) -> bool:
        return self.arrived < MOST


async def since_visit(db: Connection, caller: Caller, *, oldest: Millis, malicious_score: int) -> SinceVisit:
    """Count what arrived since the user was last here, but nothing before `oldest`.

    The submissions are those of the customers whose submissions and verdicts the caller may see.
    """
    query = Sql(
        SINCE,
        user=caller.user.id,
        oldest=oldest,
        seen=seen_with_verdicts(caller),
        saved=queries_as_json(caller.user.id),
        malicious=malicious_score,
    )
    row = await query.row(db)
    return SinceVisit(
        before=row["before"],
        saved=read_queries(row["saved"]),
        arrived=row["arrived"],
        malicious=row["malicious"],
        suspicious=row["suspicious"],
        contradicting=row["contradicting"],
    )
