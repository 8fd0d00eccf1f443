"""Arguments are text in UTF-8, whatever the locale says; names of files are bytes."""

import os
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """A command that refuses arguments that could not be sent or stored."""

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            ctx.params[name] = _checked(value, name)
        return super().invoke(ctx)


def _checked(value: object, name: str) -> object:
    if isinstance(value, list):
        return [_checked(one, name) for one in value]
    # Typer has checked choices and paths already.
    return text(value, name) if type(value) is str else value


def text(argument: str, name: str) -> str:
    """Give an argument as text. Python keeps bytes that the locale cannot read as surrogates."""
    if not any("\ud800" <= letter <= "\udfff" for letter in argument):
        return argument
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError:
        # The argument may be a key, so the argument is not shown.
        raise typer.BadParameter(
            "This is no text in UTF-8.", param_hint=f"--{name.replace('_', '-')}"
        ) from None


def shown(path: str | Path) -> str:
    """Give a path as text. Bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
