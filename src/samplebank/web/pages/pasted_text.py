"""What of a pasted text is known: its hashes, ids and file names."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

import msgspec
from litestar import Response, get, post

from samplebank.accounts.model import Permission
from samplebank.api.search.queries import samples_of
from samplebank.audit.model import Kind
from samplebank.database import Connection
from samplebank.database import Page as Part
from samplebank.errors import invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.search.ids_and_names import ById, ByName, find_by_id, find_by_name
from samplebank.search.overview import SeenOverview
from samplebank.verdicts.model import word_for
from samplebank.web.pasting import MOST, Pasted, read_pasted
from samplebank.web.querying import narrowed
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: characters of a text
LONGEST: Final = 200_000
TOO_LONG: Final = f"The text has more than {LONGEST:,} characters: paste a part of the text."
NO_TEXT: Final = "There is no text: paste a text, and send the form again."
#: the view of a sample that shows what has an id, where that is no job and no task
VIEWS: Final = {"submission": "sightings", "analysis": "findings"}
ALGORITHMS: Final = ("md5", "sha1", "sha256", "sha512")


class FoundHash(msgspec.Struct, frozen=True):
    """A hash of the text. `sha256` is None where no sample that the visitor may see has the hash."""

    text: str
    sha256: str | None = None
    word: str | None = None
    score: int | None = None
    name: str | None = None
    last_seen: int | None = None


class FoundId(msgspec.Struct, frozen=True):
    """An id of the text. `kind` is None where the id leads to nothing that the visitor may see; `path` is the way to the page."""

    id: str
    kind: str | None = None
    path: str = ""
    sha256: str = ""


class FoundName(msgspec.Struct, frozen=True):
    """A file name of the text, with the query for its samples."""

    name: str
    number: int
    is_more: bool
    newest: str
    query: str


class FindPage(Page, frozen=True):
    """`names` are those that are known. Before a text was pasted, `is_asked` is false and nothing is found."""

    template: ClassVar[str] = "find.html"
    section: ClassVar[str] = "find"

    is_asked: bool = False
    hashes: Sequence[FoundHash] = ()
    ids: Sequence[FoundId] = ()
    names: Sequence[FoundName] = ()
    number_of_names: int = 0
    is_cut: bool = False
    most: int = MOST
    longest_text: int = LONGEST


@get("/find", opt=operation("showFind", Permission.VIEW_SAMPLES))
async def show_find(request: Visit) -> Response[bytes]:
    """Show the form for a text."""
    request.read_query(NoQuery)
    return request.page(FindPage())


@post("/find", opt=operation("findPasted", Permission.VIEW_SAMPLES, act=Kind.READ), status_code=200)
async def find_pasted(request: Visit) -> Response[bytes]:
    """Show which hashes, ids and file names of a text are known. What the visitor may not see looks like what is unknown."""
    request.read_query(NoQuery)
    text = (await request.read_form(may_hold_nul=True)).get("text", [""])[0]
    if not text.strip():
        raise invalid("text", NO_TEXT)
    if len(text) > LONGEST:
        raise invalid("text", TOO_LONG)
    pasted = read_pasted(text)
    samples, ids, names = await request.dearly(lambda: _look_up(request, pasted))
    return request.page(
        FindPage(
            is_asked=True,
            hashes=_hashes(request, pasted, samples),
            ids=_ids(pasted, ids),
            names=[_name(one) for one in names],
            number_of_names=len(pasted.names),
            is_cut=pasted.is_cut,
        )
    )


async def _look_up(
    request: Visit, pasted: Pasted
) -> tuple[Sequence[SeenOverview], Sequence[ById], Sequence[ByName]]:
    caller = request.caller
    async with request.reading() as db:
        ids = await find_by_id(db, caller, pasted.ids) if pasted.ids else []
        names = await find_by_name(db, caller, pasted.names) if pasted.names else []
        samples = await _samples(request, db, pasted.hashes) if pasted.hashes else []
    return samples, ids, names


def _hashes(request: Visit, pasted: Pasted, samples: Iterable[SeenOverview]) -> list[FoundHash]:
    known: dict[str, SeenOverview] = {}
    for sample in samples:
        for algorithm in ALGORITHMS:
            digest: bytes | None = getattr(sample, algorithm)
            if digest is not None:
                known.setdefault(digest.hex(), sample)
    return [_hash(request, text, known.get(text)) for text in pasted.hashes]


async def _samples(request: Visit, db: Connection, hashes: Sequence[str]) -> list[SeenOverview]:
    listing = samples_of(request, " ".join(hashes))
    listing.with_newest()
    found: list[Any] = await listing.page(db, Part(MOST))
    return found


def _hash(request: Visit, text: str, sample: SeenOverview | None) -> FoundHash:
    if sample is None:
        return FoundHash(text)
    newest = sample.newest
    return FoundHash(
        text=text,
        sha256=sample.sha256.hex(),
        word=word_for(sample.verdict, request.bank.settings.malicious_score),
        score=None if sample.verdict is None else sample.verdict.score,
        name=None if newest is None else newest.file_name,
        last_seen=None if newest is None else newest.submitted_time,
    )


def _ids(pasted: Pasted, found: Iterable[ById]) -> list[FoundId]:
    known = {one.id: one for one in found}
    return [_id(str(id_), known.get(id_)) for id_ in pasted.ids]


def _id(text: str, found: ById | None) -> FoundId:
    if found is None:
        return FoundId(text)
    sha256 = found.sha256.hex()
    path = f"job/{found.job_id}" if found.job_id else f"sample/{sha256}/{VIEWS[found.kind]}"
    return FoundId(text, found.kind, path, sha256)


def _name(found: ByName) -> FoundName:
    return FoundName(
        name=found.name,
        number=found.number,
        is_more=found.is_more,
        newest=found.newest.hex(),
        query=narrowed("", "name", found.name),
    )


ROUTES = [show_find, find_pasted]
