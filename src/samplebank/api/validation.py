"""Reading requests strictly: all violations at once, each with the path of its field as the caller sent it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast

import jsonschema_rs
import msgspec

from samplebank import timespec
from samplebank.errors import Invalid, Malformed, Violation, Violations
from samplebank.timespec import Millis

T = TypeVar("T")
#: violations told at most
MOST_TOLD = 100
#: how deep objects and lists may nest in a body
DEEPEST = 200
#: marks the fields of a struct that hold a time (`msgspec.Meta(extra_json_schema=TIME)`)
TIME = {"x-time": True}


class Document(Generic[T]):
    """A body that is JSON; whether it fits its type comes out when it is read."""

    def __init__(self, raw: bytes, wanted: type[T]) -> None:
        self._raw = raw
        self._wanted = wanted
        self._value: T | None = None
        self._plain: Any = None
        self._mistake: msgspec.ValidationError | None = None
        try:
            self._value = _decoder(cast("Any", wanted)).decode(raw)
        except msgspec.ValidationError as error:
            self._plain, self._mistake = _plain(raw), error
        except RecursionError:
            raise _too_deep() from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"The body is not JSON: {error}.") from error

    def read(self, now: Millis) -> T:
        """The body as its type; raises `Invalid` with every violation."""
        if b"\\u0000" in self._raw:
            _refuse_nul(_plain(self._raw))
        if _depth_bound(self._raw) > DEEPEST and depth(_plain(self._raw)) > DEEPEST:
            raise _too_deep()
        if self._value is None:
            raise Invalid(*violations_of(self._plain, self._wanted, now, self._mistake))
        return self._value


def read_query(pairs: Sequence[tuple[str, str]], wanted: type[T], now: Millis) -> T:
    """A query string as its type: lists are repeated parameters, booleans as Python or JSON writes them."""
    lists = _list_fields(cast("Any", wanted))
    plain: dict[str, Any] = {}
    repeated = []
    for name, value in pairs:
        if name in lists:
            plain.setdefault(name, []).append(value)
        elif name in plain:
            repeated.append(Violation(f"The parameter {name} is given more than once.", name))
        else:
            plain[name] = value
    if repeated:
        raise Invalid(*repeated)
    _refuse_nul(plain)
    try:
        return msgspec.convert(plain, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(*violations_of(_coerced(plain), wanted, now, error)) from None


def violations_of(
    plain: Any,
    wanted: type[Any],
    now: Millis,
    mistake: msgspec.ValidationError | None,
) -> list[Violation]:
    """Everything that keeps `plain` from being a `wanted`; `mistake` is the first of it, as the decoder said it."""
    if not isinstance(plain, dict):
        return [Violation("The body must be a JSON object.")]
    validator, free = _validator(cast("Any", wanted))
    found: list[Violation] = []
    for error in validator.iter_errors(_without_nulls(plain, free)):
        found.extend(_told(error))
        if len(found) >= MOST_TOLD:
            break
    found.extend(_bad_times(plain, wanted, now))
    return found or [_first(mistake)]


def _first(mistake: msgspec.ValidationError | None) -> Violation:
    """What the decoder stumbled over: `Invalid UUID - at `$.analyses[...]``."""
    said, _, path = str(mistake).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".").replace("[...]", "")
    return Violation(f"{said}.", field or None)


def path_of(parts: Sequence[str | int]) -> str:
    """`["tags", 1, "type"]` as `tags[1].type`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def read_time(violations: Violations, field: str, value: object, now: Millis) -> Millis | None:
    """A time of a request; None when it is not given. A bad one becomes a violation of `field`."""
    if value is None:
        return None
    try:
        return timespec.parse(value, now=now)
    except timespec.BadTime as error:
        violations.add(field, str(error))
        return None


def depth(value: Any) -> int:
    """How deep objects and lists nest."""
    deepest, level = 0, [value]
    while level:
        level = [inner for outer in level for inner in _inside(outer)]
        deepest += 1
    return deepest


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _depth_bound(raw: bytes) -> int:
    """No body nests deeper than it has opening brackets."""
    return raw.count(b"[") + raw.count(b"{")


def _too_deep() -> Invalid:
    return Invalid(f"The body nests deeper than {DEEPEST} levels.")


def _plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not JSON: {error}.") from error


def _told(error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
    path, kind = list(error.instance_path), cast("Any", error.kind)
    if error.kind.name == "required":
        name = kind.property
        yield Violation(f"The field {name} is required.", path_of([*path, name]))
    elif error.kind.name == "additionalProperties":
        for name in kind.unexpected:
            yield Violation(f"There is no field {name} here.", path_of([*path, name]))
    elif error.kind.name == "anyOf":
        yield Violation("The value is of the wrong type.", path_of(path))
    else:
        yield Violation(f"{error.message[:300]}.", path_of(path))


def _bad_times(plain: Mapping[str, Any], wanted: type[Any], now: Millis) -> list[Violation]:
    violations = Violations()
    for name in _time_fields(cast("Any", wanted)) & plain.keys():
        if isinstance(plain[name], str | int) and not isinstance(plain[name], bool):
            read_time(violations, name, plain[name], now)
    return list(violations)


def _refuse_nul(plain: Any) -> None:
    found = [Violation("The text holds a NUL character.", path_of(path)) for path in _nul_paths(plain, [])]
    if found:
        raise Invalid(*found[:MOST_TOLD])


def _nul_paths(value: Any, path: list[str | int]) -> Iterator[list[str | int]]:
    if isinstance(value, str) and "\x00" in value:
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\x00" in name:
                yield path
            yield from _nul_paths(inner, [*path, name])
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _nul_paths(inner, [*path, position])


def _without_nulls(value: Any, free: frozenset[str]) -> Any:
    """Null counts as not given, except inside the fields that hold any JSON value."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if inner is not None}
        return {name: inner if name in free else _without_nulls(inner, free) for name, inner in kept.items()}
    return [_without_nulls(inner, free) for inner in value] if isinstance(value, list) else value


def _coerced(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Texts of a query as the numbers and booleans that they write, so that a schema can judge them."""
    return {name: value if isinstance(value, list) else _coerced_text(value) for name, value in plain.items()}


def _coerced_text(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() else text


@cache
def _decoder(wanted: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast("type[Any]", wanted))


@cache
def _validator(wanted: Hashable) -> tuple[jsonschema_rs.Validator, frozenset[str]]:
    schema: dict[str, Any] = msgspec.json.schema(wanted)
    free = {
        name
        for definition in schema.get("$defs", {}).values()
        for name, inner in definition.get("properties", {}).items()
        if not inner.keys() - {"description", "default"}
    }
    return jsonschema_rs.validator_for(_without_null_types(schema), validate_formats=True), frozenset(free)


def _without_null_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null_types(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _without_null_types(inner) for name, inner in schema.items() if name != "default"}
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        return {**choices[0], **kept}
    return {**kept, "anyOf": choices} if choices else kept


@cache
def _list_fields(wanted: Hashable) -> frozenset[str]:
    properties = _properties(wanted)
    return frozenset(name for name, inner in properties.items() if inner.get("type") == "array")


@cache
def _time_fields(wanted: Hashable) -> frozenset[str]:
    return frozenset(name for name, inner in _properties(wanted).items() if inner.get("x-time"))


def _properties(wanted: Hashable) -> dict[str, dict[str, Any]]:
    schema = _without_null_types(msgspec.json.schema(wanted))
    name = schema["$ref"].rsplit("/", 1)[1]
    properties: dict[str, dict[str, Any]] = schema["$defs"][name]["properties"]
    return properties
