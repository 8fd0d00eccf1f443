"""How many samples and submissions there are in a window, for callers who see all of them: a tally knows.

What other callers see depends on the readers of each row. There are nearly as many sets of readers as samples, so that a
tally by readers would be as long as the table.
"""

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Sql
from samplebank.samples.tally import NONE_NEWER, number_of_samples, number_of_submitted_samples
from samplebank.search.window import ACTIVITY, IndexWindow
from samplebank.submissions.tally import number_of_submissions


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


def _see_all(caller: Caller, permissions: list[Permission]) -> bool:
    return all(caller.scope(permission).everywhere for permission in permissions)


def _hold_every_customer(caller: Caller, permissions: list[Permission]) -> bool:
    """Whether the caller sees the rows of every customer that was known when the caller was looked up."""
    scopes = [caller.scope(permission) for permission in permissions]
    return bool(caller.customers) and all(s.everywhere or s.customers >= caller.customers for s in scopes)
