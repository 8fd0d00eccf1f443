"""The number of samples by readers and by the time of creation, so that lists without criteria need not count."""

from samplebank.database import Where
from samplebank.database.tally import HOUR, TallyByTime, next_hour
from samplebank.timespec import Millis

#: what is not deleted
SAMPLES = TallyByTime(
    "sample_tally",
    "sample",
    time="created_time",
    columns={"unread": "unread_since IS NOT NULL"},
    counted="deleted_time IS NULL",
)
#: milliseconds from creation to last activity from which on a sample stands in `sample_late`, too
LATE = HOUR


def number_of_samples(where: Where, since: Millis, *, visible: str, active: str) -> str:
    """An expression: the number of samples that are not deleted, and were created or active at `since` or later.

    `visible` is a condition on `s.readers`, `s.unread_since` and `s.deleted_time`, and says what the caller may see.
    `active` is a condition on a sample `s`: the caller may know of activity at `since` or later. Both use the parameters of
    `where`. `active` is asked only of samples that were created before the hour after `since`.
    """
    first = next_hour(since)
    tallied = f"""
        (SELECT coalesce(sum(s.n), 0)::bigint
           FROM (SELECT readers, CASE WHEN unread THEN 0::bigint END AS unread_since, NULL::bigint AS deleted_time, n
                   FROM ({SAMPLES.since(where, first)}) t) s
          WHERE {visible})
    """
    if first <= 0:
        return tallied
    begin, late = where.value(since), where.value(since - LATE)
    found = f"s.deleted_time IS NULL AND s.activity_time >= {begin} AND ({active}) AND ({visible})"
    # created around `since`: few, found by the time of creation
    around = f"""
        (SELECT count(*) FROM sample s
          WHERE s.created_time >= {late} AND s.created_time < {where.value(first)} AND {found})
    """
    # created long before `since`, and active again
    again = f"""
        (SELECT count(*) FROM sample_late l JOIN sample s ON s.id = l.sample_id
          WHERE l.activity_time >= {begin} AND s.created_time < {late} AND {found})
    """
    return f"({tallied} + {around} + {again})"
