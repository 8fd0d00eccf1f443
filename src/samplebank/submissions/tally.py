"""The number of submissions by time, and by reader, so that lists without criteria need not count."""

from samplebank.accounts.reader_tally import TallyByReaders
from samplebank.database import Sql
from samplebank.database.tally import TallyByTime, next_hour
from samplebank.timespec import Millis

SUBMISSIONS = TallyByTime("submission_tally", "submission", time="submitted_time")
SHOWN = TallyByReaders(
    "submission_reader_tally",
    "submission",
    time="submitted_time",
    readers="CASE WHEN 0 = ANY (readers) THEN '{0}'::bigint[] ELSE readers END",
)


def number_of_submissions(since: Millis) -> Sql:
    """An expression: the number of submissions of the time `since` or later."""
    first = next_hour(since)
    if first <= 0:
        return SUBMISSIONS.since(first)
    beginning = "(SELECT count(*) FROM submission u WHERE u.submitted_time >= {} AND u.submitted_time < {})"
    return Sql("({} + {})", SUBMISSIONS.since(first), Sql(beginning, since, first))
