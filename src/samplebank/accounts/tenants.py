"""Tenants files: the possible entries, and reading a file. A mistake names file, entry and reason."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from samplebank.errors import Invalid, Violation

ShortName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_:\-.]{1,100}\Z", max_length=100)]
#: PostgreSQL stores no NUL
Name = Annotated[str, Meta(pattern=r"^[^\x00]+\Z", max_length=200)]
#: the largest budget is that of the settings; 0 would read as a budget for nothing, and as no budget
StoredBytes = Annotated[int, Meta(ge=1, le=10**15)]
Weight = Annotated[int, Meta(ge=1, le=100)]
EVERY_CUSTOMER = "*"


class DomainEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: Name


class CustomerEntry(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    short_name: ShortName
    name: Name
    domain: Name
    parent: ShortName | None = None
    stored_bytes: StoredBytes | None = None
    weight: Weight = 1


class UserEntry(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    short_name: ShortName
    customer: ShortName
    name: Name | None = None
    key: bool = False
    stored_bytes: StoredBytes | None = None


class GroupEntry(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    short_name: ShortName
    customer: ShortName
    name: Name | None = None
    members: list[ShortName] = []


class GrantEntry(msgspec.Struct, forbid_unknown_fields=True):
    subject: ShortName
    role: str
    customer: str


class SignInEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Whoever signs in with the value in the claim belongs to the group. `customer` is for users who are new."""

    value: Name
    group: ShortName
    customer: ShortName
    claim: Name = "groups"


class Tenants(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The content of a tenants file. `sign_in` is None where the file says nothing about signing in."""

    domain: list[DomainEntry] = []
    customer: list[CustomerEntry] = []
    user: list[UserEntry] = []
    group: list[GroupEntry] = []
    grant: list[GrantEntry] = []
    sign_in: list[SignInEntry] | None = None


KINDS: dict[str, type[Any]] = {
    "domain": DomainEntry,
    "customer": CustomerEntry,
    "user": UserEntry,
    "group": GroupEntry,
    "grant": GrantEntry,
    "signIn": SignInEntry,
}


def read_tenants(path: Path) -> Tenants:
    """Read a tenants file, and check the file by itself. Raises `Invalid` with every mistake found."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Invalid(f"{path} is not TOML: {error}.") from error
    except RecursionError as error:
        raise Invalid(f"{path} is nested too deeply; a tenants file has tables and lists of them.") from error
    mistakes = [
        Violation(f"{path}: there is no kind of entry named {kind!r}.") for kind in document.keys() - KINDS
    ]
    read: dict[str, list[Any]] = {kind: [] for kind in KINDS if kind in document}
    for kind, entries in read.items():
        for entry, wrong in _entries(document[kind], KINDS[kind]):
            if wrong:
                mistakes += [Violation(f"{path}: [[{kind}]] {entry}: {mistake}") for mistake in wrong]
            else:
                entries.append(entry)
    if mistakes:
        raise Invalid(*mistakes)
    return msgspec.convert(read, Tenants, from_attributes=True)


def _entries(given: object, entry_type: type[Any]) -> Iterable[tuple[Any, list[str]]]:
    """Each entry; or the label of the entry, and what is wrong with the entry."""
    if not isinstance(given, list):
        yield "", ["is written with two brackets, once for each entry."]
        return
    names: set[str] = set()
    for number, entry in enumerate(given, 1):
        try:
            read = msgspec.convert(entry, entry_type)
        except msgspec.ValidationError as error:
            yield _label(entry, number), [*_field_mistakes(entry, entry_type)] or [f"{error}."]
            continue
        mistake = _number_mistake(read) or _repetition(read, names)
        yield (read, []) if mistake is None else (_label(entry, number), [mistake])


def _field_mistakes(entry: object, entry_type: type[Any]) -> Iterator[str]:
    """A sentence for each field at fault: reading the whole entry stops at the first fault."""
    if not isinstance(entry, dict):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(entry_type)}
    yield from (f"Object contains unknown field `{name}`." for name in entry if name not in fields)
    for name, field in fields.items():
        if name not in entry:
            if field.required:
                yield f"Object missing required field `{name}`."
            continue
        try:
            msgspec.convert(entry[name], field.type)
        except msgspec.ValidationError as error:
            # TOML has no null
            reason, _, inside = str(error).replace(" | null`", "`").partition(" - at `$")
            yield f"{reason} - at `$.{name}{inside.removesuffix('`')}`."


def _number_mistake(entry: Any) -> str | None:
    name = getattr(entry, "short_name", "")
    return f"the {number_mistake(name)}" if name.isdigit() else None


def number_mistake(name: str) -> str:
    """Why a short name of digits alone is none. The sentence goes on behind its article."""
    return f"short name {name} is a number, and a number in a request is an id; put a letter in it."


def _repetition(entry: Any, names: set[str]) -> str | None:
    """Note the short name of an entry. A sentence where an entry before has the name: only the later would count."""
    name = getattr(entry, "short_name", None)
    if name in names:
        return f"the short name {name} stands in an entry before; make them one entry."
    if name is not None:
        names.add(name)
    return None


def _label(entry: object, number: int) -> str:
    named = entry if isinstance(entry, dict) else {}
    return str(
        named.get("shortName")
        or named.get("name")
        or named.get("subject")
        or named.get("value")
        or f"number {number}"
    )
