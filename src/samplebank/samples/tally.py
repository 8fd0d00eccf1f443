"""The number of samples by readers and by the time of creation, so that lists without criteria need not count."""

from samplebank.database import Where
from samplebank.database.tally import HOUR, TallyByTime, next_hour
from samplebank.timespec import Millis

#: samples that somebody submitted. The others are few, and counted by the index of `unread_since`: so uploads cost no more
SAMPLES = TallyByTime(
    "sample_tally", "sample", time="created_time", counted="deleted_time IS NULL AND unread_since IS NULL"
)
#: milliseconds from creation to last activity from which on a sample stands in `sample_late`, too
LATE = HOUR


def number_of_samples(
    where: Where, since: Millis, *, visible: str | None, active: str, sees_unread: bool
) -> str:
    """An expression: the number of samples that are not deleted, and were created or active at `since` or later.

    `visible` is a condition on `s.readers`, `s.unread_since` and `s.deleted_time`, None for a caller who sees every sample.
    `active` is a condition on a sample `s`: the caller may know of activity at `since` or later. `active` must hold for
    samples created at `since` or later. Both use the parameters of `where`. Samples that nobody submitted are counted where
    the caller `sees_unread`, which is to hold downloadSampleUnrestricted: such samples have no readers but their uploaders.
    """
    first = next_hour(since)
    if visible is None:
        tallied = f"(SELECT coalesce(sum(s.n), 0)::bigint FROM ({SAMPLES.all_since(where, first)}) s)"
    else:
        tallied = f"""
            (SELECT coalesce(sum(s.n), 0)::bigint
               FROM (SELECT readers, NULL::bigint AS unread_since, NULL::bigint AS deleted_time, n
                       FROM ({SAMPLES.since(where, first)}) t) s
              WHERE {visible})
        """
    begin, late = where.value(since), where.value(since - LATE)
    found = f"s.deleted_time IS NULL AND s.activity_time >= {begin} AND ({active}) AND ({visible or 'TRUE'})"
    parts = [tallied]
    if sees_unread:
        parts.append(f"(SELECT count(*) FROM sample s WHERE s.unread_since IS NOT NULL AND {found})")
    if first > 0:
        # created around `since`: few, found by the time of creation
        parts.append(f"""
            (SELECT count(*) FROM sample s
              WHERE s.created_time >= {late} AND s.created_time < {where.value(first)} AND s.unread_since IS NULL
                AND {found})
        """)
        # created long before `since`, and active again
        # OFFSET keeps the planner from reading all samples.
        parts.append(f"""
            (SELECT count(*) FROM sample_late l CROSS JOIN LATERAL (
                SELECT FROM sample s
                 WHERE s.id = l.sample_id AND s.created_time < {late} AND s.unread_since IS NULL AND {found} OFFSET 0) again
              WHERE l.activity_time >= {begin})
        """)
    return f"({' + '.join(parts)})"
