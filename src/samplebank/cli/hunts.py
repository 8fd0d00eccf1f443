"""`samplebank hunt` and `samplebank hunts`: run rules over stored samples, follow hunts, list and cancel them."""

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
import typer

from samplebank import timespec
from samplebank.cli import connection, printing
from samplebank.cli.answers import Customer, Envelope, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.ending import waiting
from samplebank.cli.jobs import since_when
from samplebank.cli.patience import LONGEST_ABSENCE, patiently
from samplebank.cli.printing import JsonOption
from samplebank.errors import Refusal
from samplebank.files import expanded
from samplebank.timespec import Millis

PAUSE: Final = 1.0
MOST_SHOWN: Final = 100
MIB: Final = 1024 * 1024
ENDED: Final = frozenset({"done", "cancelled"})
GOES_ON: Final = "The hunt goes on: `samplebank hunts {0}` shows the hits, and `samplebank hunt --cancel {0}` ends the hunt."


class Hunt(Shown, frozen=True, kw_only=True):
    id: str
    state: str
    customer: Customer
    query: str
    rule_count: int
    samples: int
    bytes: int
    scanned: int
    scanned_bytes: int
    unscanned: int
    passed_over: int
    message: str
    created_timestamp: int
    waits_until: int | None = None
    hits: int | None = None

    @property
    def looked_at(self) -> int:
        return self.scanned + self.unscanned + self.passed_over


class Match(Shown, frozen=True):
    rule: str
    score: int = 0


class Hit(Shown, frozen=True):
    sha256: str
    size: int
    matches: list[Match]
    type: str | None = None


class _Answers(msgspec.Struct, frozen=True):
    """A hunt and its hits, as the service tells them."""

    hunt: msgspec.Raw
    hits: msgspec.Raw


def hunt(
    rules: Annotated[
        Path | None, typer.Argument(metavar="RULES", help="A file of YARA rules.", show_default=False)
    ] = None,
    *,
    since: Annotated[
        str | None, typer.Option(help='Samples stored since: "30 days", "startOfDay", an ISO time.')
    ] = None,
    until: Annotated[str | None, typer.Option(help="Samples stored before this time.")] = None,
    query: Annotated[
        str, typer.Option(metavar="QUERY", help="Samples that a query finds, as of `samplebank search`.")
    ] = "",
    customer: Annotated[
        str | None, typer.Option(help="For this customer, whose budget the hunt uses; else for yours.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show hits as they are found, until the end.")] = False,
    cancel: Annotated[
        str | None, typer.Option(metavar="ID", help="Cancel this hunt; hits stay found.")
    ] = None,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Run YARA rules over stored samples, the newest first. Without --wait, `samplebank hunts ID` shows the hits."""
    if (rules is None) == (cancel is None):
        raise typer.BadParameter("Name a file of rules, or --cancel ID.", param_hint="RULES")
    body = {} if rules is None else _request(rules, since, until, query, customer)
    with Client(connection.find(url, key)) as client:
        if cancel is not None:
            id_ = _id(cancel, "--cancel")
            found = client.end(Envelope[msgspec.Raw], f"/hunt/{id_}", api=EXTENSIONS).data
        else:
            found = _begun(client, body)
        one = msgspec.json.decode(found, type=Hunt)
        if wait and cancel is None:
            with waiting(GOES_ON.format(one.id)):
                one, found = _follow(client, one, as_json=json)
        if json:
            printing.write_json(_whole(client, found, one.id) if wait else found)
        elif wait or cancel is not None:
            typer.echo(_sentence(one))
        else:
            typer.echo(f"{_sentence(one)} Hits: samplebank hunts {one.id}")


def hunts(
    id_: Annotated[
        str | None, typer.Argument(metavar="ID", help="Show this hunt and its hits.", show_default=False)
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = MOST_SHOWN,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List hunts, newest first, or show one with what it found."""
    with Client(connection.find(url, key)) as client:
        if id_ is not None:
            _show(client, _id(id_, "ID"), limit, as_json=json)
            return
        kind = Envelope[msgspec.Raw]
        told = client.ask(kind, "/hunt", api=EXTENSIONS, params={"limit": limit}).data
    if json:
        printing.write_json({"hunts": told})
        return
    columns = ("ID", "STATE", "CREATED", "CUSTOMER", "RULES", "SAMPLES", "LOOKED AT", "QUERY")
    printing.out().print(printing.table(columns, map(_row, msgspec.json.decode(told, type=list[Hunt]))))


def _request(
    rules: Path, since: str | None, until: str | None, query: str, customer: str | None
) -> dict[str, object]:
    now = time.time_ns() // 1_000_000
    try:
        content = expanded(rules).read_bytes()
    except OSError as error:
        said = f"{rules} cannot be read: {error.strerror}."
        raise typer.BadParameter(said, param_hint="RULES") from None
    given: dict[str, object | None] = {
        # In texts and regular expressions of YARA, an escape means the same byte.
        "rules": content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="backslashreplace"),
        "since": None if since is None else since_when(since, now=now),
        "until": None if until is None else since_when(until, now=now),
        "query": query,
        "customer": customer,
    }
    return {name: value for name, value in given.items() if value is not None}


def _begun(client: Client, body: dict[str, object]) -> msgspec.Raw:
    """Begin a hunt. The lines of the compiler go to stderr as they are."""
    try:
        return client.ask(Envelope[msgspec.Raw], "/hunt", api=EXTENSIONS, body=body).data
    except Refusal as refusal:
        told = (one.message.removeprefix(f"{one.field}: ") for one in refusal.violations)
        lines = [line for message in told for line in message.splitlines()]
        if len(lines) == len(refusal.violations):
            raise
        for line in lines:
            typer.echo(printing.printable(line), err=True)
        raise typer.Exit(1) from None


def _follow(client: Client, one: Hunt, *, as_json: bool) -> tuple[Hunt, msgspec.Raw]:
    """Show hits as they are found, until the hunt ends. Ctrl-C leaves the hunt as it is.

    A restart of the service is waited for.
    """
    shown: set[str] = set()
    ask = partial(patiently, longest=LONGEST_ABSENCE)
    while True:
        found = ask(partial(_found, client, one.id))
        one = msgspec.json.decode(found, type=Hunt)
        if not as_json and (one.hits or 0) > len(shown):
            for hit in ask(partial(_hits, client, one.id, 0)):
                if hit.sha256 not in shown:
                    shown.add(hit.sha256)
                    typer.echo(printing.printable(f"{hit.sha256}  {_rules(hit)}"))
        if one.state in ENDED:
            return one, found
        time.sleep(PAUSE)


def _show(client: Client, id_: str, limit: int, *, as_json: bool) -> None:
    found = _found(client, id_)
    if as_json:
        printing.write_json(_whole(client, found, id_))
        return
    typer.echo(_sentence(msgspec.json.decode(found, type=Hunt)))
    rows = [(hit.sha256, hit.type, hit.size, _rules(hit)) for hit in _hits(client, id_, limit)]
    if rows:
        printing.out().print(printing.table(("SHA-256", "TYPE", "SIZE", "RULES"), rows))


def _whole(client: Client, found: msgspec.Raw, id_: str) -> _Answers:
    hits = client.ask(Envelope[msgspec.Raw], f"/hunt/{id_}/hits", api=EXTENSIONS, params={"limit": 0}).data
    return _Answers(found, hits)


def _found(client: Client, id_: str) -> msgspec.Raw:
    return client.ask(Envelope[msgspec.Raw], f"/hunt/{id_}", api=EXTENSIONS).data


def _hits(client: Client, id_: str, limit: int) -> list[Hit]:
    return client.ask(Envelope[list[Hit]], f"/hunt/{id_}/hits", api=EXTENSIONS, params={"limit": limit}).data


def _sentence(one: Hunt) -> str:
    """How far the hunt is, in a line."""
    hits = "" if one.hits is None else f", {one.hits} hits"
    rest = f", {one.unscanned} could not be scanned" if one.unscanned else ""
    gone = f", {one.passed_over} deleted meanwhile" if one.passed_over else ""
    waits = f" Goes on at {timespec.iso(one.waits_until)}." if one.waits_until else ""
    message = f" {one.message}" if one.message else ""
    return printing.printable(
        f"Hunt {one.id} is {one.state}: {one.looked_at} of {one.samples} samples looked at "
        f"({one.scanned_bytes // MIB} of {one.bytes // MIB} MiB{rest}{gone}){hits}.{message}{waits}"
    )


def _rules(hit: Hit) -> str:
    return ", ".join(f"{match.rule} {match.score}" for match in hit.matches)


def _row(one: Hunt) -> tuple[object, ...]:
    created: Millis = one.created_timestamp
    return (
        one.id,
        one.state,
        timespec.iso(created),
        one.customer.short_name,
        one.rule_count,
        one.samples,
        one.looked_at,
        one.query,
    )


def _id(text: str, hint: str) -> str:
    if not text.strip():
        raise typer.BadParameter("The id is empty.", param_hint=hint)
    return quote(text.strip(), safe="")
