"""What arrived: submissions by hour, customer and class of the latest verdict of their sample.

The class changes with every verdict, for all earlier submissions of the sample. So nothing is kept for it: the newest
submissions are read by their index, up to a bound.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.database.tally import HOUR
from samplebank.timespec import Millis

#: the newest submissions that are looked at
MOST = 10_000
#: the lowest score of a suspicious verdict
SUSPICIOUS_SCORE = 30
ARRIVED = f"""
    WITH newest AS MATERIALIZED (
        SELECT u.sample_id, u.customer_id, u.submitted_time FROM submission u
         WHERE {{seen}} ORDER BY u.submitted_time DESC LIMIT {MOST}
    )
    SELECT n.submitted_time / {HOUR} * {HOUR} AS hour, n.customer_id, count(*), min(n.submitted_time),
           count(*) FILTER (WHERE v.status_override = 'malicious'
                               OR v.status_override IS NULL AND v.score >= {{malicious}}::int),
           count(*) FILTER (WHERE v.status_override IS NULL AND v.score >= {SUSPICIOUS_SCORE}
                              AND v.score < {{malicious}}::int),
           count(*) FILTER (WHERE v.status_override = 'benign'
                               OR v.status_override IS NULL AND v.score >= 0
                              AND v.score < least({SUSPICIOUS_SCORE}, {{malicious}}::int))
      FROM newest n JOIN sample s ON s.id = n.sample_id LEFT JOIN verdict v ON v.id = s.verdict_id
     GROUP BY hour, n.customer_id ORDER BY hour DESC, n.customer_id
"""


class Arrived(NamedTuple):
    """The submissions of a customer in the hour that begins at `hour`. Those in no class have no verdict, or an unknown one."""

    hour: Millis
    customer_id: int
    submissions: int
    first: Millis
    malicious: int
    suspicious: int
    benign: int


class Arrivals(msgspec.Struct, frozen=True):
    """The newest hour first. Where more arrived than was looked at, `since` is the oldest submission looked at."""

    arrived: Sequence[Arrived]
    since: Millis
    is_complete: bool


async def arrivals(db: Connection, caller: Caller, *, since: Millis, malicious_score: int) -> Arrivals:
    """Count what arrived from `since` on, for the customers whose submissions and verdicts the caller may see."""
    seen = all_of(
        [
            Sql("u.submitted_time >= {}", since),
            see_customers(caller, "u.customer_id", Permission.VIEW_SUBMISSION),
            see_customers(caller, "u.customer_id", Permission.VIEW_VERDICTS),
        ]
    )
    rows = await Sql(ARRIVED, seen=seen, malicious=malicious_score).rows(db)
    arrived = [Arrived(*row) for row in rows]
    is_complete = sum(one.submissions for one in arrived) < MOST
    return Arrivals(arrived, since if is_complete else min(one.first for one in arrived), is_complete)
