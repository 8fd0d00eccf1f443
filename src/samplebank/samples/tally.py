"""The number of samples by the time of their last activity, and by reader, so that lists without criteria need not count."""

from samplebank.accounts.reader_tally import TallyOfDays
from samplebank.database import Sql
from samplebank.database.tally import HOUR, TallyByTime, next_hour
from samplebank.timespec import Millis

SAMPLES = TallyByTime("sample_tally", "sample", time="activity_time", counted="deleted_time IS NULL")
#: the samples in the lists of readers (`sample_reader`), by the time of their creation
LISTED = TallyOfDays(
    "sample_reader_tally",
    "sample",
    time="created_time",
    readers="ARRAY(SELECT listed_readers(readers))",
    counted="deleted_time IS NULL AND unread_since IS NULL",
)
#: milliseconds from creation to last activity from which on a sample stands in `sample_late`
LATE = HOUR
NONE_NEWER = "(SELECT max(id) FROM customer) <= {}"


def number_of_samples(since: Millis) -> Sql:
    """An expression: the number of samples that are not deleted, and were active at `since` or later."""
    first = next_hour(since)
    if first <= 0:
        return SAMPLES.since(first)
    # Active in the rest of the hour in which `since` lies. No index has the time of the last activity: soon after their
    # creation samples are found by the time of creation, later by the list of late activity.
    begin, end, late = (Sql("{}::bigint", time) for time in (since, first, since - LATE))
    soon = """
        (SELECT count(*) FROM sample s
          WHERE s.created_time >= {late} AND s.created_time < {end} AND s.deleted_time IS NULL
            AND s.activity_time >= {begin} AND s.activity_time < {end} AND s.activity_time <= s.created_time + {hour})
    """
    later = """
        (SELECT count(*) FROM sample_late l JOIN sample s ON s.id = l.sample_id
          WHERE l.activity_time >= {begin} AND l.activity_time < {end} AND s.deleted_time IS NULL
            AND s.activity_time > s.created_time + {hour})
    """
    return Sql(
        "({} + {} + {})",
        SAMPLES.since(first),
        Sql(soon, late=late, begin=begin, end=end, hour=LATE),
        Sql(later, begin=begin, end=end, hour=LATE),
    )


def number_of_submitted_samples(since: Millis, newest_customer: int) -> Sql:
    """As `number_of_samples`, of samples that somebody submitted. NULL where there is a newer customer."""
    unread = """
        (SELECT count(*) FROM sample s
          WHERE s.unread_since IS NOT NULL AND s.deleted_time IS NULL AND s.activity_time >= {})
    """
    return Sql(
        f"(CASE WHEN {NONE_NEWER} THEN {{}} - {{}} END)",
        newest_customer,
        number_of_samples(since),
        Sql(unread, since),
    )
