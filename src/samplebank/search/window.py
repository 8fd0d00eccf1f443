"""When: the window of an index."""

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Sql, all_of, any_of
from samplebank.samples.tally import LATE
from samplebank.timespec import Millis


class IndexWindow(msgspec.Struct, frozen=True):
    """From `start` to `end`, both inclusive; None leaves the end open, for what is written this very moment."""

    start: Millis
    end: Millis | None = None


#: what a sample is active by: table and time of the rows that not everybody may see
ACTIVITY = (
    ("submission", "submitted_time", Permission.VIEW_SUBMISSION),
    ("analysis", "created_time", Permission.VIEW_ANALYSIS),
    ("link", "created_time", Permission.VIEW_ANALYSIS),
)


def lies_in_window(caller: Caller, alias: str, window: IndexWindow) -> Sql:
    """The sample `alias` is not deleted, and its time from creation to last activity overlaps the window.

    Only the activity that the caller may see counts: else the window would tell when others did something.
    """
    since = Sql("{}", window.start)
    active = [Sql(f"{alias}.activity_time >= {{}}", since)] if window.start > 0 else []
    if active and not all(caller.scope(permission).everywhere for *_, permission in ACTIVITY):
        active.append(_seen_active(caller, alias, since))
    return all_of([*_exists(alias, window), *active])


def parts_of_window(caller: Caller, alias: str, window: IndexWindow) -> list[Sql]:
    """`lies_in_window` in two parts: the samples that are new in the window, and older samples.

    Of the new samples the planner sees that no rows are looked at.
    """
    if window.start <= 0:
        return [lies_in_window(caller, alias, window)]
    new = all_of([*_exists(alias, window), Sql(f"{alias}.created_time >= {{}}", window.start)])
    return [new, older_in_window(caller, alias, window)]


def older_in_window(caller: Caller, alias: str, window: IndexWindow) -> Sql:
    """As `lies_in_window`, of samples from before the window."""
    return all_of([are_older(alias, window.start), lies_in_window(caller, alias, window)])


def are_older(alias: str, since: Millis) -> Sql:
    """The samples from before `since` that were active later, visibly or not. Samples that were not are not looked at."""
    active = """
        {alias}.id = ANY (ARRAY(SELECT l.sample_id FROM sample_late l
                                 WHERE int8range(l.created_time, l.activity_time, '[]') @> {since}::bigint UNION
                                SELECT x.id FROM sample x WHERE x.created_time >= {late} AND x.created_time < {since}))
         AND {alias}.created_time < {since}
    """
    return Sql(active, alias=Sql(alias), since=Sql("{}", since), late=since - LATE)


def _exists(alias: str, window: IndexWindow) -> list[Sql]:
    """The sample is not deleted, and was created before the end of the window."""
    before = [] if window.end is None else [Sql(f"{alias}.created_time <= {{}}", window.end)]
    return [Sql(f"{alias}.deleted_time IS NULL"), *before]


def _seen_active(caller: Caller, sample: str, since: Sql) -> Sql:
    """That the sample, or a row of it that the caller may see, is from `since` or later.

    Most samples in a window are new themselves, so the rows are seldom looked at.
    """
    rows = [
        *(("verdict", "created_time", TRUE), ("static_fact", "created_time", TRUE)),
        *((table, column, see_rows(caller, "y", permission)) for table, column, permission in ACTIVITY),
    ]
    seen = [
        Sql(
            f"EXISTS (SELECT FROM {table} y WHERE y.sample_id = {sample}.id AND y.{column} >= {{}} AND {{}})",
            since,
            visible,
        )
        for table, column, visible in rows
    ]
    return any_of([Sql(f"{sample}.created_time >= {{}}", since), *seen])
