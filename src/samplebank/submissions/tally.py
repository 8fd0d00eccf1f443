"""The number of submissions by readers, customer and time, so that lists without criteria need not count."""

from samplebank.database import Sql
from samplebank.database.tally import TallyByTime, next_hour
from samplebank.timespec import Millis

SUBMISSIONS = TallyByTime("submission_tally", "submission", time="submitted_time", further=("customer_id",))


def number_of_submissions(since: Millis, *, visible: Sql) -> Sql:
    """An expression: the number of submissions of the time `since` or later.

    `visible` is a condition on `u.readers` and `u.customer_id`, and says what the caller may see.
    """
    first = next_hour(since)
    tallied = Sql(
        "(SELECT coalesce(sum(u.n), 0)::bigint FROM ({}) u WHERE {})", SUBMISSIONS.since(first), visible
    )
    if first <= 0:
        return tallied
    beginning = """
        (SELECT count(*) FROM submission u WHERE u.submitted_time >= {} AND u.submitted_time < {} AND ({}))
    """
    return Sql("({} + {})", tallied, Sql(beginning, since, first, visible))
