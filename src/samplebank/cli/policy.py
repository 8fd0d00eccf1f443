"""`samplebank policy`: which workers run for every sample, and the rules that change the choice for some samples."""

from collections.abc import Iterator
from typing import Final

import msgspec

from samplebank.cli import connection, printing
from samplebank.cli.answers import Customer, Envelope, Option, Shown, WorkerInfo
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.printing import JsonOption

DEFAULT: Final = "/policy/default"
#: rules that are listed, the oldest first
MOST: Final = 1000


class Policy(Shown, frozen=True):
    workers: list[WorkerInfo]
    options: list[Option]


class OfCustomers(Shown, frozen=True):
    customer: list[Customer]


class OfTypes(Shown, frozen=True):
    type: list[str]
    super_type: list[str]


class OfMetaData(Shown, frozen=True):
    meta_data_key: list[str]
    meta_data_value: list[str]


class Match(Shown, frozen=True):
    """What a rule looks at."""

    customer: OfCustomers | None = None
    classification: OfTypes | None = None
    submission: OfMetaData | None = None


class Workers(Shown, frozen=True):
    set: list[WorkerInfo]
    add: list[WorkerInfo]
    remove: list[WorkerInfo]


class Options(Shown, frozen=True):
    set: list[Option]
    add: list[Option]
    remove: list[str]


class Action(Shown, frozen=True):
    """What a rule changes."""

    workers: Workers
    options: Options


class Rule(Shown, frozen=True):
    name: str
    match: Match
    action: Action


def policy(*, json: JsonOption = False, url: UrlOption = None, key: KeyOption = None) -> None:
    """Show which workers run for every sample, and the rules that change the choice for some samples."""
    with Client(connection.find(url, key)) as client:
        default = client.ask(Envelope[msgspec.Raw], DEFAULT).data
        rules = client.ask(Envelope[msgspec.Raw], f"{DEFAULT}/rule", params={"limit": MOST}).data
    if json:
        printing.write_json({"default": default, "rules": rules})
        return
    console = printing.out()
    chosen = msgspec.json.decode(default, type=Policy)
    console.print(f"For every sample: {_list(_names(chosen.workers)) or 'no worker'}", markup=False)
    if chosen.options:
        console.print(printing.printable(f"Options: {_list(_pairs(chosen.options))}"), markup=False)
    listed = msgspec.json.decode(rules, type=list[Rule])
    if listed:
        rows = ((one.name, _when(one.match), "\n".join(_then(one.action))) for one in listed)
        console.print(
            printing.table(("RULE", "WHEN", "THEN"), ((a, b, printing.paragraph(c)) for a, b, c in rows))
        )


def _when(match: Match) -> str:
    return " and ".join(f"{word} {' or '.join(values)}" for word, values in _criteria(match) if values)


def _criteria(match: Match) -> Iterator[tuple[str, list[str]]]:
    if match.customer is not None:
        yield "customer", [one.short_name for one in match.customer.customer]
    if match.classification is not None:
        yield "type", match.classification.type
        yield "super type", match.classification.super_type
    if match.submission is not None:
        given = match.submission
        yield (
            "metadata",
            [f"{key}={value}" for key in given.meta_data_key for value in given.meta_data_value],
        )


def _then(action: Action) -> Iterator[str]:
    workers, options = action.workers, action.options
    for words, values in (
        ("run nothing but", _names(workers.set)),
        ("also run", _names(workers.add)),
        ("do not run", _names(workers.remove)),
        ("with no options but", _pairs(options.set)),
        ("with", _pairs(options.add)),
        ("without", options.remove),
    ):
        if values:
            yield f"{words} {_list(values)}"


def _list(values: list[str]) -> str:
    return ", ".join(values)


def _names(workers: list[WorkerInfo]) -> list[str]:
    return sorted(one.short_name for one in workers)


def _pairs(options: list[Option]) -> list[str]:
    return [f"{one.key}={one.value}" for one in options]
