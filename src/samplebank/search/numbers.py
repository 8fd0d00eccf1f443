"""How many samples and submissions there are in a window, for callers who see all or nearly all of them: a tally knows.

What other callers see depends on the readers of each row. There are nearly as many sets of readers as samples, so that a
tally by readers would be as long as the table. Of a caller who lacks a few customers, the rows that the caller may not see
are counted, and taken from the number of all.
"""

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller, of_customer
from samplebank.accounts.many_customers import lacks_customer, lacks_in_parts
from samplebank.accounts.model import Permission
from samplebank.database import Sql, joined
from samplebank.samples.tally import (
    NONE_NEWER,
    number_of_samples,
    number_of_submitted_samples,
)
from samplebank.search.window import ACTIVITY, IndexWindow, are_older, lies_in_window
from samplebank.submissions.tally import number_of_submissions

#: samples from before a window that were active in the window, where the caller may see the sample and not what happened
OLDER = "SELECT FROM sample s WHERE {older} AND {counted} AND {visible} AND ({seen}) IS NOT TRUE"


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


def _all_but(all_: Sql, hidden: list[Sql]) -> Sql:
    return Sql("({} - (SELECT count(*) FROM ({}) hidden))", all_, joined(" UNION ALL ", hidden))


def _see_all(caller: Caller, permissions: list[Permission]) -> bool:
    return all(caller.scope(permission).everywhere for permission in permissions)


def _hold_every_customer(caller: Caller, permissions: list[Permission]) -> bool:
    """Whether the caller sees the rows of every customer that was known when the caller was looked up."""
    scopes = [caller.scope(permission) for permission in permissions]
    return bool(caller.customers) and all(s.everywhere or s.customers >= caller.customers for s in scopes)
