"""Reading requests strictly: all violations at once, each with the path of the field as sent by the caller."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from heapq import nsmallest
from typing import Any, Generic, TypeVar, cast

import jsonschema_rs
import msgspec

from samplebank import timespec
from samplebank.errors import MOST_TOLD, Invalid, Malformed, Violation, Violations, path_of, shortened
from samplebank.http.excerpt import LEVELS, excerpt_of, too_many
from samplebank.http.nul import refuse_nul
from samplebank.http.schemas import (
    list_fields,
    map_fields,
    properties_of,
    time_fields,
    validator_of,
    whole_fields,
)
from samplebank.nesting import has_more_huge_numbers, holds_nul, is_deeper
from samplebank.timespec import Millis

T = TypeVar("T")
#: the most items of a list of objects
MOST_OBJECTS = 1_000
#: how deep objects and lists may nest in a body
DEEPEST = 200
#: numbers with exponents of three digits in a body: the decoder needs some 15 microseconds for each of `1e200` and more
MOST_HUGE = 5_000
HUGE_SAID = f"The body has more than {MOST_HUGE:,} numbers with exponents of three digits, such as 1e300: send such numbers as texts."
#: marks the fields of a struct that hold a time (`msgspec.Meta(extra_json_schema=TIME)`)
TIME = {"x-time": True}
#: a whole number of a query, as people write numbers; 1e3 and 1.0 are whole numbers, too, but hardly meant
WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
#: an escaped backslash, a pair of surrogates, or half of a pair, as programs write bytes of names that are no UTF-8
SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][\da-fA-F]{2})"
)
#: digits that are read of a number that is refused anyway
MOST_DIGITS = 100


class Document(Generic[T]):
    """A body that is JSON. `read` tells whether the body fits its type."""

    def __init__(self, raw: bytes, wanted: type[T]) -> None:
        self._raw = raw
        self._wanted = wanted
        self._value: T | None = None
        self._plain: Any = None
        # Its words only: the error itself would hold this frame, and so all of the body until the next full collection.
        self._mistake = ""
        if has_more_huge_numbers(raw, MOST_HUGE):
            raise Invalid(HUGE_SAID)
        try:
            self._value = _decoder(cast("Any", wanted)).decode(raw)
        except msgspec.ValidationError as error:
            self._plain, self._mistake = _plain(raw), str(error)
            self._value = _without_nulls(raw, self._plain, wanted)
        except RecursionError:
            raise _too_deep() from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _not_json(raw, error) from error

    def read(self, now: Millis) -> T:
        """The body as its type. Raises `Invalid` with every violation."""
        if is_deeper(self._raw, DEEPEST):
            raise _too_deep()
        if holds_nul(self._raw):
            refuse_nul(_plain(self._raw), is_certain=True)
        if self._value is None:
            raise Invalid(*violations_of(self._plain, self._wanted, now, self._mistake))
        return self._value


def read_query(pairs: Sequence[tuple[str, str]], wanted: type[T], now: Millis) -> T:
    """Read a query string as its type. Lists are repeated parameters, booleans are written as in Python or JSON.

    The entries of a field that is a map are parameters of their own: `meta.key=value`. Raises `Invalid` with every violation.
    """
    plain, repeated = _gathered(pairs, wanted)
    try:
        read = _converted(plain, wanted, now)
    except Invalid as error:
        raise Invalid(*[*repeated, *error.violations][:MOST_TOLD]) from None
    if repeated:
        raise Invalid(*repeated[:MOST_TOLD])
    return read


def _converted(plain: dict[str, Any], wanted: type[T], now: Millis) -> T:
    refuse_nul(plain)
    for name in whole_fields(cast("Any", wanted)) & plain.keys():
        if not WHOLE.fullmatch(plain[name]):
            raise Invalid(*violations_of(_coerced(plain, wanted), wanted, now, ""))
    try:
        read = msgspec.convert(plain, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(*violations_of(_coerced(plain, wanted), wanted, now, str(error))) from None
    if _is_null_by_word(plain, read):
        raise Invalid(*violations_of(_coerced(plain, wanted), wanted, now, "The word null is no value"))
    return read


def _gathered(pairs: Sequence[tuple[str, str]], wanted: type[Any]) -> tuple[dict[str, Any], list[Violation]]:
    """(The parameters by name, lists and maps as such; a violation for each that may come once and comes again)."""
    lists, maps = list_fields(cast("Any", wanted)), map_fields(cast("Any", wanted))
    plain: dict[str, Any] = {}
    repeated: list[Violation] = []
    for name, value in pairs:
        field, dot, key = name.partition(".")
        if name in lists:
            plain.setdefault(name, []).append(value)
        elif dot and field in maps and isinstance(entries := plain.setdefault(field, {}), dict):
            if key in entries:
                repeated.append(Violation(f"The parameter {name} is given more than once.", name))
            entries[key] = value
        elif name in plain:
            repeated.append(Violation(f"The parameter {name} is given more than once.", name))
        else:
            plain[name] = value
    return plain, repeated


def _is_null_by_word(plain: Mapping[str, Any], read: Any) -> bool:
    """Whether the decoder took the word null for no value: a filter that is none would find everything."""
    words = {name for name, value in plain.items() if isinstance(value, str) and value.lower() == "null"}
    return bool(words) and any(
        field.encode_name in words and getattr(read, field.name) is None
        for field in msgspec.structs.fields(read)
    )


def violations_of(
    plain: Any,
    wanted: type[Any],
    now: Millis,
    mistake: str,
) -> list[Violation]:
    """Everything that keeps `plain` from being a `wanted`. `mistake` is the first violation, as the decoder said."""
    if not isinstance(plain, dict):
        return [Violation("The body must be a JSON object.")]
    validator, shape = validator_of(cast("Any", wanted))
    excerpt, too_long = excerpt_of(plain, shape)
    found = [too_many(path_of(path), shape.most[str(path[-1])]) for path in too_long[:MOST_TOLD]]
    # The validator goes through fields in an order of chance, which is another one in each process.
    judged = (violation for error in validator.iter_errors(excerpt) for violation in _told(error))
    found.extend(nsmallest(MOST_TOLD, judged, key=_by_place))
    found.extend(_bad_times(plain, wanted, now))
    return found or [_first(mistake)]


def _by_place(violation: Violation) -> tuple[str, str]:
    return violation.field or "", violation.message


def _first(mistake: str) -> Violation:
    """What the decoder stumbled over: `Invalid UUID - at `$.analyses[...]``."""
    said, _, path = mistake.partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".").replace("[...]", "")
    return Violation(f"{said}.", field or None)


def read_time(violations: Violations, field: str, value: object, now: Millis) -> Millis | None:
    """Read a time of a request; None when not given. A bad time becomes a violation of `field`."""
    if value is None:
        return None
    try:
        return timespec.parse(value, now=now)
    except timespec.BadTime as error:
        violations.add(field, str(error))
        return None


def _too_deep() -> Invalid:
    return Invalid(f"The body nests deeper than {DEEPEST} levels.")


def _not_json(raw: bytes, error: Exception) -> Malformed:
    # the decoder takes half of a pair for a body that was cut off
    for found in SURROGATES.finditer(raw):
        if found["half"]:
            half = found["half"].decode()
            return Malformed(
                f"The body is not JSON: {half} is half of a surrogate pair; send U+FFFD in its place."
            )
    return Malformed(f"The body is not JSON: {error}.")


def _plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(raw, error) from error


def _without_nulls(raw: bytes, plain: Any, wanted: type[T]) -> T | None:
    """The body without fields that are null, as null counts as not given. None where the body stays wrong."""
    if b"null" not in raw or not isinstance(plain, dict):
        return None
    _, shape = validator_of(cast("Any", wanted))
    try:
        return msgspec.convert(_given(plain, shape.free, LEVELS), wanted)
    except msgspec.ValidationError:
        return None


def _given(value: Any, free: frozenset[str], levels: int) -> Any:
    """The value without fields that are null, but for what stands in `free` fields, where null is a value."""
    if not levels or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        # a longer list is a list of texts, or wrong
        return [_given(inner, free, levels - 1) for inner in value] if len(value) <= MOST_OBJECTS else value
    return {
        name: inner if name in free else _given(inner, free, levels - 1)
        for name, inner in value.items()
        if inner is not None or name in free
    }


def _told(error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
    path, kind = list(error.instance_path), cast("Any", error.kind)
    if error.kind.name == "required":
        name = kind.property
        yield Violation(f"The field {name} is required.", path_of([*path, name]))
    elif error.kind.name == "additionalProperties":
        for name in map(shortened, kind.unexpected):
            yield Violation(f"There is no field {name or 'without a name'} here.", path_of([*path, name]))
    elif error.kind.name == "enum":
        value = shortened(msgspec.json.encode(error.instance).decode())
        yield Violation(f"{value} is not one of {', '.join(map(str, kind.options))}.", path_of(path))
    elif error.kind.name == "anyOf":
        yield Violation("The value is of the wrong type.", path_of(path))
    else:
        yield Violation(f"{shortened(error.message)}.", path_of(path))


def _bad_times(plain: Mapping[str, Any], wanted: type[Any], now: Millis) -> list[Violation]:
    violations = Violations()
    for name in sorted(time_fields(cast("Any", wanted)) & plain.keys()):
        if isinstance(plain[name], str | int) and not isinstance(plain[name], bool):
            read_time(violations, name, plain[name], now)
    return list(violations)


def _coerced(plain: Mapping[str, Any], wanted: type[Any]) -> dict[str, Any]:
    """Turn the texts of a query into the numbers and booleans meant, so that a schema can judge the values."""
    properties = properties_of(cast("Any", wanted))
    return {name: _coerced_text(value, properties.get(name, {}).get("type")) for name, value in plain.items()}


def _coerced_text(text: Any, kind: str | None) -> Any:
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    # Python refuses to read a number of very many digits; the first digits are too many for any field
    return int(text[:MOST_DIGITS]) if kind == "integer" and WHOLE.fullmatch(text) else text


@cache
def _decoder(wanted: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast("type[Any]", wanted))
