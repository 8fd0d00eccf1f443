"""A sample at a glance: digests, times over the visible submissions, classification, verdict."""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Shape, Sql, all_of, joined, one_of
from samplebank.errors import NotFound
from samplebank.samples import catalogue
from samplebank.samples.model import NO_SAMPLE, Sample
from samplebank.search import sightings
from samplebank.search.sightings import Sighting
from samplebank.timespec import Millis
from samplebank.verdicts.model import Verdict
from samplebank.verdicts.queries import columns as verdict_columns

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class SampleShape(Shape[R_co], Protocol[R_co]):
    """What to select of the samples `s` of `source`, and the way from a row to an object."""

    @property
    def source(self) -> Sql: ...


class Overview(msgspec.Struct, frozen=True):
    """A sample with the latest classification and verdict, and the times of the visible submissions."""

    sha256: bytes
    md5: bytes | None
    sha1: bytes | None
    sha512: bytes | None
    size: int
    created_time: Millis
    deleted_time: Millis | None
    type: str | None
    super_type: str | None
    arch: str | None
    platform: str | None
    version: str | None
    meta_data: dict[str, Any] | None
    first_observed: Millis | None
    last_observed: Millis | None
    first_submitted: Millis | None
    last_submitted: Millis | None
    verdict: Verdict | None


class SeenOverview(Overview, frozen=True):
    """An overview with the newest submission that the caller may see."""

    newest: Sighting | None


#: the columns of an overview that are not of the sample
_OTHERS: Final = {
    **{name: f"c.{name}" for name in ("type", "super_type", "arch", "platform", "version", "meta_data")},
    **{
        name: f"span.{name}"
        for name in ("first_observed", "last_observed", "first_submitted", "last_submitted")
    },
}
OVERVIEW = Columns.of(Overview, "s", "verdict", **_OTHERS)
SEEN_OVERVIEW = Columns.of(SeenOverview, "s", "verdict", "newest", **_OTHERS)


class Overviews:
    """The columns, the tables, and the way from a row to an overview as the caller may see the sample.

    Conditions are about the sample `s`.
    """

    def __init__(self, caller: Caller) -> None:
        self._verdict = verdict_columns(caller)
        self.selected = joined(", ", [OVERVIEW.selected, self._verdict.selected])
        self.source = _source(caller)

    def read(self, row: Sequence[Any], /) -> Overview:
        own, verdict = row[: OVERVIEW.width], row[OVERVIEW.width :]
        return OVERVIEW.read(own, verdict=self._read_verdict(verdict))

    def _read_verdict(self, row: Sequence[Any]) -> Verdict | None:
        return None if row[0] is None else self._verdict.read(row)


class SeenOverviews(Overviews):
    """As `Overviews`, of overviews with the newest submission."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.selected = joined(", ", [sightings.COLUMNS.selected, self.selected])
        self.source = Sql("{} LEFT JOIN {} ON TRUE", self.source, sightings.newest_of(caller))

    def read(self, row: Sequence[Any], /) -> SeenOverview:
        begin = sightings.COLUMNS.width
        end = begin + SEEN_OVERVIEW.width
        submission, own, verdict = row[:begin], row[begin:end], row[end:]
        # the last column is the time, which every submission has
        newest = None if submission[-1] is None else sightings.COLUMNS.read(submission)
        return SEEN_OVERVIEW.read(own, verdict=self._read_verdict(verdict), newest=newest)


def _source(caller: Caller) -> Sql:
    """The sample `s`, joined with the rows that the caller may see."""
    return Sql(
        """
        sample s
        LEFT JOIN classification c ON c.id = s.classification_id
        LEFT JOIN verdict v ON v.id = s.verdict_id
        LEFT JOIN job j ON j.id = v.job_id
        CROSS JOIN LATERAL (
            SELECT min(u.observed_time) AS first_observed, max(u.observed_time) AS last_observed,
                   min(u.submitted_time) AS first_submitted, max(u.submitted_time) AS last_submitted
              FROM submission u WHERE u.sample_id = s.id AND {}
        ) span
        """,
        see_rows(caller, "u", Permission.VIEW_SAMPLES),
    )


async def get_overview(db: Connection, caller: Caller, sha256: bytes) -> Overview:
    """The sample, or the record of a deleted sample, if the caller may see the sample; else raises `NotFound`."""
    where = all_of([Sql("s.sha256 = {}", sha256), see_samples(caller, "s", Permission.VIEW_SAMPLES)])
    shown = Overviews(caller)
    row = await Sql("SELECT {} FROM {} WHERE {}", shown.selected, shown.source, where).row(db)
    if row is None:
        raise NotFound(NO_SAMPLE)
    return shown.read(row)


async def get_overviews(db: Connection, caller: Caller, digests: Sequence[bytes]) -> dict[bytes, Overview]:
    """Get the stored samples that the caller may see, by digest."""
    return await get_shown(db, caller, digests, Overviews(caller))


async def get_shown(
    db: Connection, caller: Caller, digests: Sequence[bytes], shown: SampleShape[R]
) -> dict[bytes, R]:
    """As `get_overviews`, in another shape."""
    if not digests:
        return {}
    where = all_of(
        [
            one_of("s.sha256", "bytea", list(digests)),
            Sql("s.deleted_time IS NULL"),
            see_samples(caller, "s", Permission.VIEW_SAMPLES),
        ]
    )
    query = Sql("SELECT s.sha256, {} FROM {} WHERE {}", shown.selected, shown.source, where)
    return {row[0]: shown.read(row[1:]) for row in await query.rows(db)}


async def get_sample_with_overview(
    db: Connection, caller: Caller, sha256: bytes
) -> tuple[Sample, SeenOverview]:
    """As `get_overview`, with the newest submission and the sample for further questions, in one statement.

    Raises `NotFound`.
    """
    sample, overview, _ = await get_sample_with(db, caller, sha256, TRUE)
    return sample, overview


async def get_sample_with(
    db: Connection, caller: Caller, sha256: bytes, *more: Sql
) -> tuple[Sample, SeenOverview, tuple[Any, ...]]:
    """As `get_sample_with_overview`, with the values of expressions about the sample `s`. Raises `NotFound`."""
    where = all_of([Sql("s.sha256 = {}", sha256), see_samples(caller, "s", Permission.VIEW_SAMPLES)])
    shown, sample = SeenOverviews(caller), catalogue.COLUMNS
    columns = joined(", ", [*more, sample.selected, shown.selected])
    row = await Sql("SELECT {} FROM {} WHERE {}", columns, shown.source, where).row(db)
    if row is None:
        raise NotFound(NO_SAMPLE)
    values, own = tuple(row[: len(more)]), tuple(row[len(more) :])
    return sample.read(own[: sample.width]), shown.read(own[sample.width :]), values
