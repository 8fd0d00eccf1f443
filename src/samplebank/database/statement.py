"""Statements whose parameters have names: `:sample_id` in the text, `sample_id=…` in the call."""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samplebank.database.connection import Connection

#: `:name`, but not the `::name` of a cast
NAME = re.compile(r"(?<!:):([a-z][a-z_0-9]*)")
#: a line that tells the purpose of a part
REMARK = re.compile(r"^[ \t]*--.*\n", re.MULTILINE)


class Statement:
    """SQL with named parameters, numbered once by first appearance.

    Parts are plain text joined by f-strings: the same name is the same parameter throughout the statement. Lines that
    begin with `--` are remarks, and are not sent to PostgreSQL. Each call must give every name a value, and no other
    name. Raises `TypeError` with the missing and the unknown names.
    """

    __slots__ = ("_pick", "names", "sql")

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}
        self.sql = NAME.sub(
            lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", REMARK.sub("", text)
        )
        #: the names of $1, $2 and so on
        self.names = tuple(numbers)
        # of a single name, `itemgetter` gives no tuple
        self._pick: Callable[[Mapping[str, object]], tuple[object, ...]]
        self._pick = itemgetter(*self.names) if len(self.names) > 1 else self._each

    def _each(self, given: Mapping[str, object]) -> tuple[object, ...]:
        return tuple([given[name] for name in self.names])

    def values(self, given: Mapping[str, object]) -> tuple[object, ...]:
        """The values of $1, $2 and so on."""
        if len(given) == len(self.names):
            try:
                return self._pick(given)
            except KeyError:
                pass
        missing = [name for name in self.names if name not in given]
        unknown = [name for name in given if name not in self.names]
        raise TypeError(
            "; ".join(
                f"the statement {said} {', '.join(names)}"
                for said, names in (("needs", missing), ("has no", unknown))
                if names
            )
        )

    async def rows(self, db: "Connection", **given: object) -> list[Any]:
        return await db.fetch(self.sql, *self.values(given))

    async def row(self, db: "Connection", **given: object) -> Any:
        """The first row; None when there is none."""
        return await db.fetchrow(self.sql, *self.values(given))

    async def value(self, db: "Connection", **given: object) -> Any:
        """The first column of the first row; None when there is no row."""
        return await db.fetchval(self.sql, *self.values(given))

    async def run(self, db: "Connection", **given: object) -> str:
        """Run a statement without rows; answers the tag of the command, for example `UPDATE 1`."""
        return await db.execute(self.sql, *self.values(given))

    async def count(self, db: "Connection", **given: object) -> int:
        """Run the statement; answers how many rows were changed."""
        return int((await self.run(db, **given)).rpartition(" ")[2])
