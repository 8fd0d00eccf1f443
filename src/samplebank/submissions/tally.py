"""The number of submissions by readers, customer and time, so that lists without criteria need not count."""

from samplebank.database import Where
from samplebank.database.tally import TallyByTime, next_hour
from samplebank.timespec import Millis

SUBMISSIONS = TallyByTime("submission_tally", "submission", time="submitted_time", further=("customer_id",))


def number_of_submissions(where: Where, since: Millis, *, visible: str | None) -> str:
    """An expression: the number of submissions of the time `since` or later.

    `visible` is a condition on `u.readers` and `u.customer_id`, None for a caller who sees every submission. The condition
    uses the parameters of `where`.
    """
    first = next_hour(since)
    source = SUBMISSIONS.all_since(where, first) if visible is None else SUBMISSIONS.since(where, first)
    seen = visible or "TRUE"
    tallied = f"(SELECT coalesce(sum(u.n), 0)::bigint FROM ({source}) u WHERE {seen})"
    if first <= 0:
        return tallied
    begin, end = where.value(since), where.value(first)
    return f"""
        ({tallied} + (SELECT count(*) FROM submission u
                       WHERE u.submitted_time >= {begin} AND u.submitted_time < {end} AND ({seen})))
    """
