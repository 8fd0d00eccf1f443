"""The orders of samples: by what the sample says, and by what its visible rows say."""

from collections.abc import Sequence

from samplebank.accounts.access import parts_of_rows
from samplebank.accounts.caller import Caller
from samplebank.database import TRUE, Sql, all_of, joined
from samplebank.database.ordering import Branch, Key, Order
from samplebank.search.creation import EVERY_ID, Creation
from samplebank.search.sets import ANALYSIS, LINK, SUBMISSION, Kind, Sets

NEWEST_FIRST, OLDEST_FIRST = "-sampleCreatedTimestamp", "sampleCreatedTimestamp"
TIE = Key("s.id")
TYPE = "sampleClassificationType"
#: the keys by their names. Those of other rows are expressions over the joins of `_joined`
SORTS = {
    "sampleCreatedTimestamp": Key("s.created_time", field="created_time"),
    "sampleSize": Key("s.size", field="size"),
    TYPE: Key("c.type", "text", may_be_null=True),
    "lastUpdatedSubmission": Key("submitted.latest", may_be_null=True),
    "lastUpdatedAnalysis": Key("analysed.latest", may_be_null=True),
    "lastUpdatedLink": Key("linked.latest", may_be_null=True),
}
#: the advanced search calls the same things otherwise
ALIASES = {
    "lastAddedSubmission": "lastUpdatedSubmission",
    "lastAddedAnalysis": "lastUpdatedAnalysis",
    "lastAddedLink": "lastUpdatedLink",
}
LATEST = {
    "lastUpdatedSubmission": ("submitted", SUBMISSION, "submitted_time"),
    "lastUpdatedAnalysis": ("analysed", ANALYSIS, "created_time"),
    "lastUpdatedLink": ("linked", LINK, "created_time"),
}


def order_of(caller: Caller, sort: Sequence[str], creation: Creation | None = None) -> Order:
    """The order of samples `s` by these names, newest first without any.

    With `creation`, only of the samples that were created in the range, and did not come back.
    """
    names = tuple(_plain(name) for name in sort) or (NEWEST_FIRST,)
    return Order(_joined(caller, names), names, SORTS, TIE, _branches(caller, names, creation))


def _plain(name: str) -> str:
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    return sign + ALIASES.get(bare, bare)


def _joined(caller: Caller, sort: Sequence[str]) -> Sql:
    """The sample, with what it is sorted by: over the rows that the caller may see."""
    parts = [Sql("sample s")]
    names = dict.fromkeys(name.removeprefix("-") for name in sort)
    if TYPE in names:
        parts.append(Sql("LEFT JOIN classification c ON c.id = s.classification_id"))
    sets = Sets(caller)
    for name in names:
        if name in LATEST:
            alias, kind, column = LATEST[name]
            parts.append(
                Sql(
                    f"LEFT JOIN LATERAL (SELECT max({kind.alias}.{column}) AS latest FROM {kind.table} {kind.alias}"
                    f" WHERE {kind.alias}.sample_id = s.id AND {{}}) {alias} ON TRUE",
                    sets.visible(kind),
                )
            )
    return joined(" ", parts)


def _branches(caller: Caller, names: Sequence[str], creation: Creation | None) -> tuple[Branch, ...]:
    """The parts of an order by a single key of other rows: an index on the other rows gives the samples in order."""
    name = names[0].removeprefix("-")
    if len(names) > 1:
        return ()
    ids = EVERY_ID if creation is None else creation.ids
    if name == TYPE:
        # `coalesce` hides that few rows match both conditions: the planner would join all rows, and sort
        typed = Sql(
            "classification c JOIN sample s ON s.id = c.sample_id AND coalesce(s.classification_id = c.id, FALSE)"
        )
        untyped = all_of([ids.near("s.id"), Sql("s.classification_id IS NULL")])
        return (
            Branch(typed, Key("c.type", "text"), "c.sample_id", ids.near("c.sample_id")),
            Branch(Sql("sample s"), None, "s.id", untyped),
        )
    if name in LATEST:
        _, kind, column = LATEST[name]
        return _by_latest_row(caller, kind, column, creation, descends=names[0].startswith("-"))
    return ()


def _by_latest_row(
    caller: Caller, kind: Kind, column: str, creation: Creation | None, *, descends: bool
) -> tuple[Branch, ...]:
    """The samples by the latest visible row of a kind: the row after which no visible row of the sample comes."""
    alias, later = kind.alias, kind._replace(alias="later")
    direction = "DESC" if descends else "ASC"
    sets = Sets(caller)
    is_last = Sql(
        f"NOT EXISTS (SELECT FROM {kind.table} later WHERE later.sample_id = {alias}.sample_id"
        f" AND (later.{column}, later.id) > ({alias}.{column}, {alias}.id) AND {{}})",
        sets.visible(later),
    )
    none = Sql(
        f"NOT EXISTS (SELECT FROM {kind.table} {alias} WHERE {alias}.sample_id = s.id AND {{}})",
        sets.visible(kind),
    )
    by_time = f"ORDER BY {column} {direction}, sample_id {direction}"
    parts = parts_of_rows(caller, alias, kind.permission) if kind is ANALYSIS else []
    rows, last = Sql(kind.table), all_of([sets.visible(kind), is_last])
    if parts:
        # An index has each part in the order asked for. The parts are merged, without the rows of others.
        one = f"(SELECT id, sample_id, {column} FROM {kind.table} {alias} WHERE {{}} {by_time})"
        rows, last = Sql("({})", joined(" UNION ALL ", [Sql(one, part) for part in parts])), is_last
    source = Sql(f"{{}} {alias} JOIN sample s ON s.id = {alias}.sample_id", rows)
    zones = [TRUE] if creation is None else creation.zones(f"{alias}.{column}", f"{alias}.sample_id")
    by_row = [
        Branch(source, Key(f"{alias}.{column}"), f"{alias}.sample_id", all_of([zone, last])) for zone in zones
    ]
    if descends:
        by_row.reverse()
    without = none if creation is None else all_of([creation.ids.near("s.id"), none])
    return (*by_row, Branch(Sql("sample s"), None, "s.id", without))
