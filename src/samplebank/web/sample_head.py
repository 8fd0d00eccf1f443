"""What all views of a sample begin with: the verdict, a name, and the way to the other views."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from samplebank.accounts.access import see_samples
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Sql
from samplebank.errors import NotFound
from samplebank.http.shapes import Body
from samplebank.samples.model import NO_SAMPLE, Sample, read_sha256
from samplebank.search.overview import SeenOverview, get_sample_with, get_sample_with_overview
from samplebank.verdicts.model import word_for
from samplebank.web.visit import Visit, permissions_of

#: entries on a page of a view
MOST: Final = 50


class Head(msgspec.Struct, frozen=True):
    """`name` is that of the newest submission, None where the visitor may see none. `may` are the visitor's permissions."""

    sha256: str
    size: int
    word: str
    score: int | None
    name: str | None
    is_deleted: bool
    may: frozenset[Permission]


class PartQuery(Body):
    """A page of a list that has no cursor."""

    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0


async def read_head(request: Visit, db: Connection) -> tuple[Sample, Head, SeenOverview]:
    """Read the sample of the path, if the visitor may see the sample. Raises `NotFound`."""
    return await read_head_of(request, db, read_sha256(request.path("sha256")))


async def read_head_of(request: Visit, db: Connection, sha256: bytes) -> tuple[Sample, Head, SeenOverview]:
    """As `read_head`, for any sample."""
    sample, overview = await get_sample_with_overview(db, request.caller, sha256)
    return sample, head_of(request, overview), overview


async def read_head_of_bytes(
    request: Visit, db: Connection, permissions: Sequence[Permission], more: Sql = TRUE
) -> tuple[Sample, Head, Any]:
    """As `read_head`, for what needs the bytes of the sample: by one statement, with the value of an expression on the sample `s`.

    Raises `NotFound` for a visitor without any of `permissions` for the sample, and for the record of a deleted sample.
    """
    may_read = see_samples(request.caller, "s", *permissions)
    sha256 = read_sha256(request.path("sha256"))
    sample, overview, (readable, value) = await get_sample_with(db, request.caller, sha256, may_read, more)
    if not readable or sample.deleted_time is not None:
        raise NotFound(NO_SAMPLE)
    return sample, head_of(request, overview), value


def head_of(request: Visit, overview: SeenOverview) -> Head:
    verdict = overview.verdict
    return Head(
        sha256=overview.sha256.hex(),
        size=overview.size,
        word=word_for(verdict, request.bank.settings.malicious_score),
        score=None if verdict is None else verdict.score,
        name=None if overview.newest is None else overview.newest.file_name,
        is_deleted=overview.deleted_time is not None,
        may=permissions_of(request.caller),
    )
