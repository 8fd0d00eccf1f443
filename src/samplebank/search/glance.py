"""A sample at a glance: what a line of a list tells. Less is read than for an overview."""

from typing import Final

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Columns, Sql
from samplebank.search.overview import SeenOverview
from samplebank.search.sightings import newest_name
from samplebank.verdicts.model import UNKNOWN, word_of


class Glance(msgspec.Struct, frozen=True):
    """A sample as a line of a list. `score` and `override` are of the latest verdict, and None without a verdict.

    `name` is the file name of the newest submission that the caller may see.
    """

    sha256: str
    size: int
    type: str | None
    score: int | None
    override: str | None
    name: str | None

    @classmethod
    def of(cls, overview: SeenOverview) -> "Glance":
        """The same of an overview."""
        verdict, newest = overview.verdict, overview.newest
        score, override = (None, None) if verdict is None else (verdict.score, verdict.status_override)
        name = None if newest is None else newest.file_name
        return cls(overview.sha256.hex(), overview.size, overview.type, score, override, name)

    def word(self, malicious_score: int) -> str:
        """The verdict in a word."""
        return UNKNOWN if self.score is None else word_of(self.score, self.override, malicious_score)


SOURCE: Final = Sql(
    """
    sample s
    LEFT JOIN classification c ON c.id = s.classification_id
    LEFT JOIN verdict v ON v.id = s.verdict_id
    """
)


class Glances:
    """The columns, the tables, and the way from a row to a glance. Conditions are about the sample `s`.

    JSON holds each of the columns, so that a row may be an array.
    """

    source = SOURCE

    def __init__(self, caller: Caller) -> None:
        columns = Columns.of(
            Glance,
            "s",
            sha256="encode(s.sha256, 'hex')",
            type="c.type",
            score="v.score",
            override="v.status_override",
            name=newest_name(caller),
        )
        self.selected = columns.selected
        self.read = columns.read
