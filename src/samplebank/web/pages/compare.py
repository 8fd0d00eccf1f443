"""Two samples side by side: what only one of them has, and what both have."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.analyses import queries as analyses
from samplebank.database import Connection
from samplebank.database import Page as Part
from samplebank.errors import invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body, NoQuery
from samplebank.query.sample_meanings import TAGS
from samplebank.samples import catalogue
from samplebank.samples.model import Sample, pasted, read_sha256
from samplebank.search.overview import SeenOverview
from samplebank.search.sightings import newest_names
from samplebank.search.similar import Derived, FactsOfTwo, Shared, facts_of_two
from samplebank.web.byte_profile import ByteProfile, profile_of
from samplebank.web.comparison import MOST_LEAVES, Difference, compare, told_in
from samplebank.web.copying import Copied, of_comparison
from samplebank.web.layout import structure_in
from samplebank.web.pages.hexview import NEEDED, STRUCTURE
from samplebank.web.querying import narrowed
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, read_head_of
from samplebank.web.visit import Visit

TWO: Final = 2
#: submissions and analyses of each sample that take part
MOST_SUBMISSIONS: Final = 50
MOST_ANALYSES: Final = 6
#: the terms of the query for what two samples share
MOST_TERMS: Final = 10
#: the field of values that workers derive from the bytes
FACTS: Final = "Facts"
NOT_TWO: Final = "Two samples are compared: select two."


class CompareQuery(Body):
    sha256: Annotated[list[str], Meta(max_length=100)] | None = None


class Chosen(Page, frozen=True):
    """The form for the hashes of two samples."""

    template: ClassVar[str] = "compare_form.html"
    section: ClassVar[str] = "samples"

    first: str


class Rarity(msgspec.Struct, frozen=True):
    """How many other samples have a value, and the query for all samples with the value. `is_more`: there may be more others."""

    others: int
    is_more: bool
    is_common: bool
    query: str


class Traits(NamedTuple):
    """What is compared of a sample.

    `terms` are terms of queries for traits that other samples may have, too. `structure` tells the parts of the file. Names and
    `FACTS` are filled in for both samples at once.
    """

    sample: Sample
    head: Head
    structure: Any
    facts: dict[str, list[str]]
    terms: list[tuple[str, str]]


class Compared(Page, frozen=True):
    """`shared` is the query for samples with what both have in common, None where both have nothing to ask for.

    `rarities` tells how rare a value is that both have, by the field and the value. A profile is None where the visitor may not
    have the bytes.
    """

    template: ClassVar[str] = "compare.html"
    section: ClassVar[str] = "samples"

    a: Head
    b: Head
    rows: list[Difference]
    rarities: Mapping[tuple[str, str], Rarity]
    profiles: list[ByteProfile | None]
    shared: str | None
    copied: Copied


@get("/compare", opt=operation("chooseTwo", Permission.VIEW_SAMPLES))
async def choose_two(request: Visit) -> Response[bytes]:
    """Lead to the comparison of two samples, or ask which two."""
    given = [one for one in request.read_query(CompareQuery).sha256 or [] if one.strip()]
    if len(given) > TWO:
        raise invalid("sha256", NOT_TWO)
    if len(given) < TWO:
        return request.page(Chosen(first=given[0][:100] if given else ""))
    a, b = (read_sha256(pasted(one)).hex() for one in given)
    return request.to(f"compare/{a}/{b}")


@get("/compare/{a:str}/{b:str}", opt=operation("compareTwo", Permission.VIEW_SAMPLES))
async def compare_two(request: Visit) -> Response[bytes]:
    """Compare two samples by what the visitor may see of each."""

    async def look() -> tuple[Traits, Traits, set[int], FactsOfTwo]:
        async with request.reading() as db:
            a = await _traits(request, db, request.path("a"))
            b = await _traits(request, db, request.path("b"))
            samples = (a.sample, b.sample)
            names = await newest_names(db, request.caller, [one.id for one in samples], MOST_SUBMISSIONS)
            for one in (a, b):
                one.facts["Names"] = names[one.sample.id]
            readable = await catalogue.undeleted_among(db, request.caller, samples, *NEEDED)
            return a, b, readable, await facts_of_two(db, request.caller, *samples)

    a, b, readable, facts = await request.dearly(look)
    request.read_query(NoQuery)
    a.facts[FACTS] = _told(facts.a, facts.shared)
    b.facts[FACTS] = _told(facts.b, [])
    return request.page(
        Compared(
            a=a.head,
            b=b.head,
            rows=compare(a.facts, b.facts),
            rarities={(FACTS, _words(one.fact)): _rarity(one) for one in facts.shared},
            profiles=[await _profile(request, one, readable) for one in (a, b)],
            shared=_shared(a.terms, b.terms),
            copied=of_comparison(request.address, a.head.sha256, b.head.sha256),
        )
    )


async def _profile(request: Visit, one: Traits, readable: set[int]) -> ByteProfile | None:
    return await profile_of(request, one.sample, one.structure) if one.sample.id in readable else None


def _shared(a: list[tuple[str, str]], b: list[tuple[str, str]]) -> str | None:
    terms = [term for term in dict.fromkeys(a) if term in b][:MOST_TERMS]
    return reduce(lambda query, term: narrowed(query, *term), terms, "") or None


async def _traits(request: Visit, db: Connection, digest: str) -> Traits:
    caller = request.caller
    sample, head, overview = await read_head_of(request, db, read_sha256(digest))
    said = await analyses.newest_by_worker(caller, sample).page(db, Part(MOST_ANALYSES))
    findings: list[str] = []
    for one in said:
        findings += told_in(one.agent_name, one.result, MOST_LEAVES - len(findings))
    facts = {
        "Verdict": [head.word],
        "Type": [part for part in (overview.type, overview.super_type, overview.arch) if part],
        "Size": [f"{overview.size:,} bytes"],
        "Names": [],
        FACTS: [],
        "Tags": [f"{tag['type']}: {tag['value']}" for one in said for tag in one.tags],
        "Detections": [f"{one.agent_name}: {found['name']}" for one in said for found in one.detections],
        "Findings": findings,
    }
    structure = [structure_in(one.result) for one in said if one.agent_name == STRUCTURE]
    return Traits(sample, head, structure, facts, _terms(overview))


def _told(facts: Iterable[Derived], first: Iterable[Shared]) -> list[str]:
    """The facts as lines: those that both samples have come first, the rarest of these before all."""
    return [*(_words(one.fact) for one in first), *map(_words, facts)]


def _words(fact: Derived) -> str:
    return f"{fact.kind}: {fact.value}"


def _rarity(shared: Shared) -> Rarity:
    return Rarity(
        others=shared.number,
        is_more=shared.is_more,
        is_common=shared.is_common,
        query=narrowed("", f"fact.{shared.fact.kind}", shared.fact.value),
    )


def _terms(overview: SeenOverview) -> list[tuple[str, str]]:
    """The type, and the tags of the verdict that queries know."""
    tags = [] if overview.verdict is None else overview.verdict.tags
    known = [(f"tag:{tag['type']}", tag["value"]) for tag in tags if tag["type"] in TAGS]
    return [("type", overview.type), *known] if overview.type else known


ROUTES = [choose_two, compare_two]
