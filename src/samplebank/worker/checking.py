"""Checks the answer of an analyser before encoding, and cleans texts that are quoted from a hostile sample."""

from typing import Any

import msgspec

from samplebank.worker import wire
from samplebank.worker.contract import NO_FINDINGS, Result

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
