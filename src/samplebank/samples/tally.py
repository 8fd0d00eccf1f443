"""The number of samples by readers and by the time of creation, so that lists without criteria need not count."""

from samplebank.database import Sql, all_of, joined
from samplebank.database.tally import HOUR, TallyByTime, next_hour
from samplebank.timespec import Millis

#: samples that somebody submitted. The others are few, and counted by the index of `unread_since`: so uploads cost no more
SAMPLES = TallyByTime(
    "sample_tally", "sample", time="created_time", counted="deleted_time IS NULL AND unread_since IS NULL"
)
#: milliseconds from creation to last activity from which on a sample stands in `sample_late`, too
LATE = HOUR


def number_of_samples(since: Millis, *, visible: Sql, active: Sql, sees_unread: bool) -> Sql:
    """An expression: the number of samples that are not deleted, and were created or active at `since` or later.

    `visible` is a condition on `s.readers`, `s.unread_since` and `s.deleted_time`, and says what the caller may see.
    `active` is a condition on a sample `s`: the caller may know of activity at `since` or later. `active` must hold for
    samples created at `since` or later. Samples that nobody submitted are counted where the caller `sees_unread`, which is to
    hold downloadSampleUnrestricted: such samples have no readers but their uploaders.
    """
    first = next_hour(since)
    tallied = Sql(
        """
        (SELECT coalesce(sum(s.n), 0)::bigint
           FROM (SELECT readers, NULL::bigint AS unread_since, NULL::bigint AS deleted_time, n FROM ({}) t) s
          WHERE {})
        """,
        SAMPLES.since(first),
        visible,
    )
    begin, late = Sql("{}::bigint", since), Sql("{}::bigint", since - LATE)
    found = all_of([Sql("s.deleted_time IS NULL AND s.activity_time >= {}", begin), active, visible])
    parts = [tallied]
    if sees_unread:
        parts.append(Sql("(SELECT count(*) FROM sample s WHERE s.unread_since IS NOT NULL AND {})", found))
    if first > 0:
        # created around `since`: few, found by the time of creation
        around = """
            (SELECT count(*) FROM sample s
              WHERE s.created_time >= {} AND s.created_time < {} AND s.unread_since IS NULL AND {})
        """
        # created long before `since`, and active again
        again = """
            (SELECT count(*) FROM sample_late l JOIN sample s ON s.id = l.sample_id
              WHERE l.activity_time >= {} AND s.created_time < {} AND s.unread_since IS NULL AND {})
        """
        parts += [Sql(around, late, first, found), Sql(again, begin, late, found)]
    return Sql("({})", joined(" + ", parts))
