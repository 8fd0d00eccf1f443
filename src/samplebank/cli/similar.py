"""`samplebank similar`: the samples that are like a sample."""

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
import typer
from rich.console import RenderableType

from samplebank.cli import connection, printing
from samplebank.cli.answers import Envelope, Sample, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption

FURTHEST, USUAL, MOST, FEW = 63, 47, 100, 25
NO_FACTS: Final = "No worker has told facts of the sample. Facts come with the next analysis by a worker that tells facts, such as static."


class NamedSample(Shown, frozen=True):
    """A sample with the file name of its newest submission."""

    sample: Sample
    file_name: str | None = None


class NearSample(NamedSample, frozen=True, kw_only=True):
    distance: int


class SharedFact(Shown, frozen=True):
    """A value, and the newest of the other samples with the value."""

    kind: str
    value: str
    number: int
    flags: list[str]
    newest: list[NamedSample]


class Similar(Shown, frozen=True):
    """Near samples, the nearest first, and what the sample shares with others."""

    distance: int
    samples: list[NearSample]
    facts: list[SharedFact]
    tlsh: str | None = None
    is_more: bool = False


def similar(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    *,
    distance: Annotated[
        int, typer.Option(min=0, max=FURTHEST, help="How far apart by TLSH; 0 is alike.")
    ] = USUAL,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, help="How many near samples, the nearest first.")
    ] = FEW,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Show the samples that are near a sample by TLSH, and those that have values in common with the sample."""
    digest = one_hash(sha256)
    with Client(connection.find(url, key)) as client:
        told = client.ask(
            Envelope[msgspec.Raw],
            f"/sample/{digest}/similar",
            api=EXTENSIONS,
            params={"distance": distance, "limit": limit},
        ).data
    if json:
        printing.write_json(told)
        return
    console = printing.out()
    for part in _parts(msgspec.json.decode(told, type=Similar)):
        console.print(part, markup=False)


def _parts(found: Similar) -> Iterator[RenderableType]:
    if found.tlsh is None and not found.facts:
        yield NO_FACTS
        return
    if found.samples:
        yield printing.table(
            ("DISTANCE", "NAME", "VERDICT", "TYPE", "SHA-256"),
            ((one.distance, *_cells(one)) for one in found.samples),
        )
        if found.is_more:
            yield "More samples are as near; --limit shows more."
    elif found.tlsh is None:
        yield "The file has no TLSH: it is too small or too large, its bytes are too much alike, or the worker lacks tlsh-python."
    else:
        yield f"No sample that the key may see is within the distance {found.distance}."
    if found.facts:
        yield ""
        yield printing.table(("IN COMMON", "VALUE", "OTHERS", "NEWEST OF THEM"), map(_shared, found.facts))


def _cells(one: NamedSample) -> tuple[object, ...]:
    verdict, kind = one.sample.latest_verdict, one.sample.latest_classification
    word = "unknown" if verdict is None else f"{assessment(verdict)} {verdict.score}"
    return one.file_name, word, kind.type if kind else "", one.sample.sha256


def _shared(one: SharedFact) -> tuple[object, ...]:
    number = f"{one.number}{'+' if 'more' in one.flags else ''}{' (common)' if 'common' in one.flags else ''}"
    newest = "" if "common" in one.flags else "\n".join(named.sample.sha256 for named in one.newest)
    return one.kind, one.value, number, printing.paragraph(newest)
