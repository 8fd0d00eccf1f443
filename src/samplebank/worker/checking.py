"""Checks the class and the answer of an analyser before encoding, and cleans texts that are quoted from a hostile sample."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from samplebank.sandbox.limits import made_path
from samplebank.worker import wire
from samplebank.worker.contract import NO_FINDINGS, Analyser, Result

T = TypeVar("T", bound=msgspec.Struct)
LANGUAGE = "english"

BEST_SCORE = 100
MOST_POSSIBLE = 2**31 - 1


class WrongAnswer(Exception):
    """The answer of the analyser breaks the contract. The message names the wrong part."""


def checked(answer: object) -> Result:
    """The answer as a Result with texts and numbers that can be encoded and stored. Raises `WrongAnswer`."""
    if not isinstance(answer, Result):
        raise WrongAnswer(
            f"The analyser answered {_kind(answer)}, but analyse() must return a Result, such as "
            "Result(score=20, result={...})."
        )
    result = _converted(answer)
    if not NO_FINDINGS <= result.score <= BEST_SCORE:
        raise WrongAnswer(
            f"The score of the Result is {result.score}, but must be 0 (harmless) to {BEST_SCORE} (malicious), "
            f"or {NO_FINDINGS} for no findings."
        )
    if not 0 <= (result.possible_detections or 0) <= MOST_POSSIBLE:
        raise WrongAnswer(f"possible_detections of the Result must be 0 to {MOST_POSSIBLE}.")
    return result


def facts_of(analyser: Analyser, kind: type[T]) -> T:
    """The facts that `kind` names, as the class of the analyser tells them. Raises `WrongAnswer`."""
    told = {name: _attribute(analyser, name) for name in kind.__struct_fields__}
    for name in ("names", "descriptions"):
        if isinstance(told[name], dict) and LANGUAGE not in told[name]:
            raise WrongAnswer(f'The analyser needs {name} in {LANGUAGE}, such as {{"{LANGUAGE}": "…"}}.')
    try:
        return msgspec.convert(told, kind, dec_hook=made_path)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise WrongAnswer(f"{where.rstrip('`')} of the analyser is wrong: {what[:300]}.") from None


def _attribute(analyser: Analyser, name: str) -> Any:
    try:
        value = getattr(analyser, name)
    except AttributeError:
        raise WrongAnswer(f"The analyser has no {name}: its class must say one.") from None
    if callable(value):  # folders()
        return value()
    return dict(value) if isinstance(value, Mapping) else value


def _converted(answer: Result) -> Result:
    fields = msgspec.structs.asdict(answer)
    if not isinstance(answer.result, dict):
        raise WrongAnswer(f"The field result of the Result is {_kind(answer.result)}, but must be a dict.")
    fields["result"] = wire.json_value(answer.result)
    try:
        return msgspec.convert(_plain(fields), Result, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        part = where.rstrip("`") or "some part"
        raise WrongAnswer(f"The field {part} of the Result is wrong: {what[:300]}.") from None


def _plain(value: Any) -> Any:
    """Turn the parts of a Result into dicts and lists. Spells out lone surrogates in texts; other values stay as given."""
    match value:
        case msgspec.Struct():
            return _plain(msgspec.structs.asdict(value))
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case str():
            return value.encode(errors="backslashreplace").decode()
        case bytearray() | memoryview():
            return bytes(value)
        case _:
            return value


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
