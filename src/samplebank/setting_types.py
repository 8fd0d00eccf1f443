"""The types of settings: how a value is read as one, and what a value may be, in words."""

import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec


def converted(value: object, wanted: Any) -> object:
    """The value as the type of a setting. A text may be written for a number. Raises `ValueError` for a value of another type."""
    if isinstance(value, str):
        _check_text(value)
    return msgspec.convert(_number(value, wanted), wanted, dec_hook=_path)


def _check_text(value: str) -> None:
    """Raise ValueError for a text that no variable can hold: other processes are given the settings by variables."""
    if "\0" in value:
        raise ValueError(value)
    value.encode()


def _number(value: object, wanted: Any) -> object:
    """The value as a number, if the setting wants a number and the value is written in digits."""
    is_wanted = get_origin(_inner(wanted)) is Annotated
    is_number = is_wanted and isinstance(value, str) and re.fullmatch("-?[0-9]{1,30}", value)
    return int(str(value)) if is_number else value


def _path(wanted: type, value: object) -> object:
    if wanted is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"{value!r} is no {wanted}")


def _inner(wanted: Any) -> Any:
    """The type of a setting that has a value."""
    return get_args(wanted)[0] if get_origin(wanted) is UnionType or get_origin(wanted) is Union else wanted


def allowed(wanted: Any) -> str:
    """What a setting of this type may be, in words."""
    inner = _inner(wanted)
    if get_origin(inner) is Literal:
        return " or ".join(get_args(inner))
    if get_origin(inner) is Annotated:
        (bounds,) = inner.__metadata__
        return f"a whole number from {bounds.ge} to {bounds.le}"
    return "a folder" if inner is Path else "a text"
