"""What all views of a sample begin with: the verdict, a name, and the way to the other views."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.database import Connection
from samplebank.http.shapes import Body
from samplebank.samples.model import Sample, read_sha256
from samplebank.search.overview import SeenOverview, get_sample_with_overview
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
