"""What arrived: submissions by hour, customer and class of the latest verdict of their sample.

The class changes with every verdict, for all earlier submissions of the sample. So classes are not kept: the newest
submissions are read by their index, up to a bound. The number of an hour is told by the tally of submissions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Sql, all_of
from samplebank.database.tally import HOUR
from samplebank.submissions.tally import SUBMISSIONS
from samplebank.timespec import Millis
from samplebank.verdicts.model import SUSPICIOUS_SCORE

#: the newest submissions that are looked at: by customer, and for the chart of a page
MOST = 10_000
MOST_OF_CHART = 2_000
#: the newest submissions. The number stands in the text: for a number to come, the planner would prepare to read every verdict.
NEWEST = """
    WITH newest AS MATERIALIZED (
        SELECT u.sample_id, u.customer_id, u.submitted_time FROM submission u
         WHERE {{seen}} ORDER BY u.submitted_time DESC LIMIT {:d}
    )
"""
#: the newest submissions `n` with the latest verdict `v` of each
JUDGED = "newest n LEFT JOIN verdict v ON v.sample_id = n.sample_id AND v.latest"
HOUR_OF = f"n.submitted_time / {HOUR} * {HOUR}"
CLASSES = f"""
    count(*) FILTER (WHERE v.status_override = 'malicious'
                        OR v.status_override IS NULL AND v.score >= {{malicious}}::int) AS malicious,
    count(*) FILTER (WHERE v.status_override IS NULL AND v.score >= {SUSPICIOUS_SCORE}
                       AND v.score < {{malicious}}::int) AS suspicious,
    count(*) FILTER (WHERE v.status_override = 'benign'
                        OR v.status_override IS NULL AND v.score >= 0
                       AND v.score < least({SUSPICIOUS_SCORE}, {{malicious}}::int)) AS benign
"""
ARRIVED = f"""
    {NEWEST.format(MOST)}
    SELECT {HOUR_OF} AS hour, n.customer_id, count(*) AS submissions, min(n.submitted_time) AS first, {CLASSES}
      FROM {JUDGED} GROUP BY hour, n.customer_id ORDER BY hour DESC, n.customer_id
"""
BY_HOUR = f"""
    {NEWEST.format(MOST_OF_CHART)}
    SELECT hour, coalesce(t.n, j.submissions) AS submissions, coalesce(j.malicious, 0) AS malicious,
           coalesce(j.suspicious, 0) AS suspicious, coalesce(j.benign, 0) AS benign,
           min(j.first) OVER () AS first, sum(j.submissions) OVER () AS looked_at
      FROM (SELECT {HOUR_OF} AS hour, count(*) AS submissions, min(n.submitted_time) AS first, {CLASSES}
              FROM {JUDGED} GROUP BY hour) j
      {{counted}}
     ORDER BY hour DESC
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
    seen = all_of([Sql("u.submitted_time >= {}", since), seen_with_verdicts(caller)])
    rows = await Sql(ARRIVED, seen=seen, malicious=malicious_score).rows(db)
    arrived = [Arrived(**row) for row in rows]
    is_complete = sum(one.submissions for one in arrived) < MOST
    return Arrivals(arrived, since if is_complete else min(one.first for one in arrived), is_complete)


class ArrivedInHour(NamedTuple):
    """The submissions of all customers in an hour. Those before `Chart.judged_since` count in no class."""

    submissions: int
    malicious: int
    suspicious: int
    benign: int


class Chart(NamedTuple):
    """What arrived, by the beginning of the hour. Where more arrived than was looked at, `judged_since` is the oldest looked at.

    `is_complete` is whether every submission is counted.
    """

    hours: Mapping[Millis, ArrivedInHour]
    judged_since: Millis
    is_complete: bool


async def chart(db: Connection, caller: Caller, *, since: Millis, malicious_score: int) -> Chart:
    """As `arrivals`, summed up by hour. For callers who see everything, the tally tells the number of each hour."""
    seen = all_of([Sql("u.submitted_time >= {}", since), seen_with_verdicts(caller)])
    told = SUBMISSIONS.by_hour(since) if seen_with_verdicts(caller) is TRUE else None
    counted = (
        Sql("CROSS JOIN (SELECT NULL::bigint) t (n)")
        if told is None
        else Sql("FULL JOIN {} USING (hour)", told)
    )
    query = Sql(BY_HOUR, seen=seen, malicious=malicious_score, counted=counted)
    rows = await query.rows(db)
    numbers = ArrivedInHour._fields
    hours = {row["hour"]: ArrivedInHour(**{name: row[name] for name in numbers}) for row in rows}
    first, looked_at = (rows[0]["first"], rows[0]["looked_at"]) if rows else (None, None)
    is_judged = (looked_at or 0) < MOST_OF_CHART
    return Chart(hours, since if is_judged or first is None else first, is_judged or told is not None)


def seen_with_verdicts(caller: Caller) -> Sql:
    needed = (Permission.VIEW_SUBMISSION, Permission.VIEW_VERDICTS)
    return all_of([see_customers(caller, "u.customer_id", one) for one in needed])
