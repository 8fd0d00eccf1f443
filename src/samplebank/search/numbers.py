"""How many samples and submissions there are in a window, for callers of all, of nearly all and of few customers: a tally knows.

Of a caller who lacks a few customers, the rows that the caller may not see are counted, and taken from the number of all. Of a
caller of few customers, the lists of the caller's numbers are added up.
"""

from collections.abc import Sequence

from samplebank.accounts.access import numbers_of_parts, numbers_of_samples, parts_of_rows, see_samples
from samplebank.accounts.caller import EVERYBODY, UPLOADERS, Caller, of_customer
from samplebank.accounts.many_customers import lacks_customer, lacks_in_parts
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Sql, all_of, joined
from samplebank.database.times import TimeRange
from samplebank.samples.tally import (
    LISTED,
    NONE_NEWER,
    number_of_samples,
    number_of_submitted_samples,
)
from samplebank.search.widths import ALL_SAMPLES
from samplebank.search.window import ACTIVITY, IndexWindow, are_older, lies_in_window
from samplebank.submissions.tally import SHOWN, number_of_submissions
from samplebank.timespec import Millis

EVER = TimeRange()
#: samples from before a window that were active in the window, where the caller may see the sample and not what happened
OLDER = "SELECT FROM sample s WHERE {older} AND {counted} AND {visible} AND ({seen}) IS NOT TRUE"

#: what lies between the start of a window and the next bucket of a tally
SOON_SAMPLES = """
    (SELECT count(*) FROM (SELECT DISTINCT created_time, sample_id FROM sample_reader
                            WHERE reader = ANY ({}::bigint[]) AND created_time >= {} AND created_time < {}) r)
"""
# OFFSET keeps the planner from the index of all rows of the readers
SOON_SUBMISSIONS = """
    (SELECT count(*) FROM (SELECT readers FROM submission WHERE submitted_time >= {} AND submitted_time < {} OFFSET 0) u
      WHERE u.readers && {}::bigint[])
"""


def number_of_all_samples(caller: Caller, window: IndexWindow) -> Sql | None:
    """An expression for the number of samples; NULL or None where only counting tells."""
    if window.end is not None:
        return None
    views = [Permission.VIEW_SAMPLES, *(permission for *_, permission in ACTIVITY)]
    if caller.scope(Permission.DOWNLOAD_UNRESTRICTED).everywhere and _see_all(caller, views):
        return number_of_samples(window.start)
    if caller.holds(Permission.DOWNLOAD_UNRESTRICTED) or not _hold_every_customer(caller, views):
        return None
    return number_of_submitted_samples(window.start, max(caller.customers))


def number_of_all_submissions(caller: Caller, window: IndexWindow) -> Sql | None:
    """As `number_of_all_samples`, of submissions."""
    if window.end is not None:
        return None
    number = number_of_submissions(window.start)
    if _see_all(caller, [Permission.VIEW_SUBMISSION]):
        return number
    if not _hold_every_customer(caller, [Permission.VIEW_SUBMISSION]):
        return None
    return Sql(f"(CASE WHEN {NONE_NEWER} THEN {{}} END)", max(caller.customers), number)


def number_of_nearly_all_submissions(caller: Caller, window: IndexWindow) -> Sql | None:
    """An expression for the number of submissions that a caller sees who lacks a few customers. None for other callers.

    Reads the submissions of the customers that the caller lacks.
    """
    lacked = lacks_in_parts(caller, "u.customer_id", Permission.VIEW_SUBMISSION)
    if window.end is not None or not lacked:
        return None
    hidden = "SELECT FROM submission u WHERE {} AND NOT u.readers && {}::bigint[] AND u.submitted_time >= {}"
    parts = [Sql(hidden, part, caller.own_numbers, window.start) for part in lacked]
    return _all_but(number_of_submissions(window.start), parts)


def number_of_nearly_all_samples(caller: Caller, window: IndexWindow) -> Sql | None:
    """As `number_of_nearly_all_submissions`, of samples; NULL where there is a newer customer.

    Reads the samples of the customers that the caller lacks, and those that are older than the window and active in the window.
    """
    sees_all = caller.scope(Permission.DOWNLOAD_UNRESTRICTED).everywhere
    if window.end is not None or sees_all or not lacks_customer(caller, "", Permission.VIEW_SAMPLES):
        return None
    of_lacked = Sql(
        "s.readers && {}::bigint[]",
        [
            of_customer(id_)
            for id_ in sorted(caller.customers - caller.scope(Permission.VIEW_SAMPLES).customers)
        ],
    )
    counted = Sql("s.deleted_time IS NULL AND s.activity_time >= {}", window.start)
    visible = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    unread = Sql("s.unread_since IS NOT NULL AND NOT {}", of_lacked)
    hidden = "SELECT FROM sample s WHERE {} AND {} AND ({}) IS NOT TRUE"
    parts = [Sql(hidden, counted, part, visible) for part in (of_lacked, unread)]
    if window.start > 0:
        seen = lies_in_window(caller, "s", window)
        older = are_older("s", window.start)
        parts.append(Sql(OLDER, older=older, counted=counted, visible=visible, seen=seen))
    all_but = _all_but(number_of_samples(window.start), parts)
    return Sql(f"(CASE WHEN {NONE_NEWER} THEN {{}} END)", max(caller.customers), all_but)


def number_of_listed_samples(
    caller: Caller, window: IndexWindow, unlisted: Sequence[Sql], times: TimeRange = EVER
) -> Sql | None:
    """An expression for the number of samples that the lists of readers show a caller of few customers.

    With `times`, of the samples that were created in the range, which lies in the window. `unlisted` are queries for samples
    that are in no list, or from before the window. NULL where the caller has several lists of customers, users and groups: what
    these have in common only counting tells.
    """
    numbers = numbers_of_samples(caller, Permission.VIEW_SAMPLES)
    if window.end is not None or numbers is None:
        return None
    told = _listed_since(numbers, max(window.start, times.start or 0))
    told += [Sql("(SELECT count(*) FROM ({}) r)", query) for query in unlisted]
    behind = [] if times.end is None else _listed_since(numbers, times.end)
    number = joined(" - ", [Sql("({})", joined(" + ", some)) for some in (told, behind) if some])
    own = [number for number in numbers if number > EVERYBODY or number < UPLOADERS]
    return Sql("(CASE WHEN {} THEN {} END)", LISTED.most_have_rows(own, 1), number)


def _listed_since(numbers: Sequence[int], since: Millis) -> list[Sql]:
    """Expressions: the numbers of samples in the lists that were created at `since` or later, which add up."""
    first = LISTED.beginning(since)
    told = [LISTED.seen_since(numbers, first)]
    return told if first <= 0 else [*told, Sql(SOON_SAMPLES, numbers, since, first)]


def number_of_read_submissions(caller: Caller, window: IndexWindow) -> Sql | None:
    """An expression for the number of submissions that a caller of few customers sees.

    Submissions that are shared with the caller or a group of the caller are counted, where there are any.
    """
    numbers = numbers_of_parts(caller, Permission.VIEW_SUBMISSION)
    if window.end is not None or numbers is None:
        return None
    told, shared = numbers
    first = SHOWN.beginning(window.start)
    parts = [SHOWN.seen_since(told, first)]
    if first > 0:
        parts.append(Sql(SOON_SUBMISSIONS, window.start, first, told))
    *_, others = parts_of_rows(caller, "u", Permission.VIEW_SUBMISSION)
    counted = Sql(
        "(CASE WHEN {} THEN 0 ELSE (SELECT count(*) FROM submission u WHERE {} AND u.submitted_time >= {}) END)",
        SHOWN.knows_no_row_of(shared),
        others,
        window.start,
    )
    return Sql("({})", joined(" + ", [*parts, counted]))


def number_of_submissions_of(caller: Caller, window: IndexWindow, times: TimeRange) -> Sql | None:
    """An expression for the number of submissions that were submitted in a range with a bound. NULL or None where only counting tells."""
    start = times.start or 0
    if start < window.start:
        return None
    told = [
        number_of_all_submissions(caller, IndexWindow(since, window.end))
        or number_of_read_submissions(caller, IndexWindow(since, window.end))
        for since in (start, times.end)
        if since is not None
    ]
    found = [number for number in told if number is not None]
    return Sql("({})", joined(" - ", found)) if len(found) == len(told) else None


def _all_but(all_: Sql, hidden: list[Sql]) -> Sql:
    return Sql("({} - (SELECT count(*) FROM ({}) hidden))", all_, joined(" UNION ALL ", hidden))


def _see_all(caller: Caller, permissions: list[Permission]) -> bool:
    return all(caller.scope(permission).everywhere for permission in permissions)


def _hold_every_customer(caller: Caller, permissions: list[Permission]) -> bool:
    """Whether the caller sees the rows of every customer that was known when the caller was looked up."""
    scopes = [caller.scope(permission) for permission in permissions]
    return bool(caller.customers) and all(s.everywhere or s.customers >= caller.customers for s in scopes)


def findable_samples(caller: Caller, window: IndexWindow, *, in_lists: bool) -> Sql:
    """A query for the samples that a search can find, as the planner is asked for their number; `in_lists` for the window alone."""
    visible = TRUE if in_lists else see_samples(caller, "s", Permission.VIEW_SAMPLES)
    active = Sql("s.activity_time >= {}", window.start) if window.start > 0 else TRUE
    before = TRUE if window.end is None else Sql("s.created_time <= {}", window.end)
    where = all_of([visible, active, before])
    return ALL_SAMPLES if where is TRUE else Sql("SELECT s.id FROM sample s WHERE {}", where)
