"""`samplebank show`: what is known of a sample, and why its verdict is as it is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import RenderableType

from samplebank import timespec
from samplebank.cli import connection, indicators, printing, trees
from samplebank.cli.answers import Analysis, Contribution, Envelope, Link, Sample, Sighting, Tag, Verdict
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption
from samplebank.errors import Forbidden, NotFound

#: rows of each list in the table; --json has as many
MOST: Final = 100
#: the lists of a sample by their names in the paths, and in JSON
LISTS: Final[Mapping[str, str]] = {
    "verdict": "verdicts",
    "analysis": "analyses",
    "link": "links",
    "submission": "submissions",
}


def show(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    *,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Show what is known of a sample: its verdict and what each analysis adds, analyses, links and submissions."""
    digest = one_hash(sha256)
    with Client(connection.find(url, key)) as client:
        sample = client.ask(Envelope[msgspec.Raw], f"/sample/{digest}").data
        lists = {name: _list(client, digest, name) for name in LISTS}
        tree = _tree(client, digest)
    if json:
        told = {LISTS[name]: listed for name, listed in lists.items()}
        printing.write_json({"sample": sample, **told, "tree": tree})
        return
    console = printing.out()
    for part in _parts(msgspec.json.decode(sample, type=Sample), lists):
        console.print(part, markup=False)
    for part in trees.parts(tree):
        console.print(part, markup=False)


def _list(client: Client, sha256: str, name: str) -> msgspec.Raw | None:
    """The newest rows of a list; None where the caller may not see rows of the kind."""
    try:
        path = f"/sample/{sha256}/{name}"
        return client.ask(Envelope[msgspec.Raw], path, params={"limit": MOST}).data
    except Forbidden:
        return None


def _tree(client: Client, sha256: str) -> msgspec.Raw | None:
    """What came out of the sample; None where the caller may not see links, and from a service without trees."""
    try:
        return client.ask(Envelope[msgspec.Raw], f"/sample/{sha256}/tree", api=EXTENSIONS).data
    except (Forbidden, NotFound):
        return None


def _parts(sample: Sample, lists: Mapping[str, msgspec.Raw | None]) -> Iterator[RenderableType]:
    yield printing.table(("SAMPLE", sample.sha256), _facts(sample))
    verdicts = _rows(lists["verdict"], list[Verdict])
    verdict = verdicts[0] if verdicts else sample.latest_verdict
    yield ""
    yield _sentence(verdict)
    if verdict is not None and verdict.analysis:
        yield printing.table(
            ("WEIGHT", "SCORE", "ANALYSIS", "VERSION", "TAGS"), map(_weight, verdict.analysis)
        )
    yield from _section("ANALYSES", lists["analysis"], list[Analysis], _analysis)
    if found := indicators.rows_of(_rows(lists["analysis"], list[Analysis])):
        yield ""
        yield printing.table(("INDICATOR", "DEFANGED", "LAYER", "BY"), found)
        if len(found) == indicators.MOST:
            yield f"These are {indicators.MOST}; the results of the analyses have more."
    yield from _section("LINKS", lists["link"], list[Link], _link)
    yield from _section("SUBMISSIONS", lists["submission"], list[Sighting], _sighting)


def _rows(listed: msgspec.Raw | None, kind: Any) -> Sequence[Any]:
    return () if listed is None else msgspec.json.decode(listed, type=kind)


def _section(title: str, listed: msgspec.Raw | None, kind: Any, row: Any) -> Iterator[RenderableType]:
    columns, cells = row
    rows = _rows(listed, kind)
    yield ""
    if listed is None:
        yield f"{title}: the key may not see them."
    elif not rows:
        yield f"{title}: none that the key may see."
    else:
        yield printing.table((title, *columns), map(cells, rows))
        if len(rows) == MOST:
            yield f"These are the newest {MOST}; the API lists all of them."


def _facts(sample: Sample) -> Iterator[tuple[str, object]]:
    kind = sample.latest_classification
    yield "size", f"{sample.size} bytes"
    yield "type", f"{kind.type} ({kind.super_type})" if kind else "not known yet"
    for name in ("md5", "sha1", "sha512"):
        if value := getattr(sample, name):
            yield name, value
    yield "stored", timespec.iso(sample.created_timestamp)
    if sample.first_submitted_timestamp is not None:
        yield "first seen", timespec.iso(sample.first_submitted_timestamp)
    if sample.last_submitted_timestamp is not None:
        yield "last seen", timespec.iso(sample.last_submitted_timestamp)


def _sentence(verdict: Verdict | None) -> str:
    """The verdict with what speaks for the verdict."""
    if verdict is None:
        return "VERDICT unknown: there is none yet."
    said = f"VERDICT {assessment(verdict)}, score {verdict.score}"
    author = f" by {verdict.created_by_user.short_name}" if verdict.created_by_user else ""
    if verdict.by_hand:
        return printing.printable(
            f"{said}: set by hand{author}{f': {verdict.comment}' if verdict.comment else '.'}"
        )
    weighty = sorted((one for one in verdict.analysis if one.impact), key=lambda one: -(one.impact or 0))
    reasons = ", ".join(map(_reason, weighty[:3]))
    tags = f" Tags: {_tags(verdict.tags or ())}." if verdict.tags else ""
    override = " The word is an override, not the score." if verdict.status_override else ""
    back = f" The verdict by hand was taken back{author}." if verdict.is_withdrawal else ""
    return printing.printable(f"{said}{f': {reasons}' if reasons else ''}.{override}{tags}{back}")


def _reason(one: Contribution) -> str:
    found = f" found {one.finding}" if one.finding else ""
    return f"{one.user_agent.name} {one.analysis_score} ({one.impact} %){found}"


def _weight(one: Contribution) -> tuple[object, ...]:
    weight = "none" if one.impact is None else f"{one.impact} %"
    score = "no findings" if one.analysis_score < 0 else one.analysis_score
    return weight, score, one.user_agent.name, one.user_agent.version, _tags(one.tags)


def _tags(tags: Iterable[Tag]) -> str:
    return ", ".join(f"{tag.type}:{tag.value}" for tag in tags)


_analysis = (
    ("SCORE", "BY", "VERSION", "CUSTOMER", "WHEN", "TAGS"),
    lambda one: (
        one.analysis_id,
        one.analysis_score,
        one.user_agent.name,
        one.user_agent.version,
        one.customer.short_name,
        timespec.iso(one.created_timestamp),
        _tags(one.tags),
    ),
)
_link = (
    ("TO", "CUSTOMER", "WHEN"),
    lambda one: (
        one.type,
        one.referenced_sample.sha256 if one.referenced_sample else "a sample that the key cannot see",
        one.customer.short_name,
        timespec.iso(one.created_timestamp),
    ),
)
_sighting = (
    ("NAME", "CUSTOMER", "TLP"),
    lambda one: (timespec.iso(one.submitted_timestamp), one.file_name, one.customer.short_name, one.tlp),
)
