"""Arguments are text in UTF-8, whatever the locale says; names of files are bytes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """A command that refuses arguments that could not be sent or stored."""

    def invoke(self, ctx: Any) -> Any:
        parameters: Sequence[Any] = self.params
        for parameter in parameters:
            if parameter.name in ctx.params:
                value = ctx.params[parameter.name]
                try:
                    ctx.params[parameter.name] = _checked(value)
                except UnicodeError:
                    # The argument may be a key, so the argument is not shown.
                    raise typer.BadParameter("This is no text in UTF-8.", ctx, parameter) from None
        return super().invoke(ctx)


def _checked(value: object) -> object:
    if isinstance(value, list):
        return [_checked(one) for one in value]
    # Typer has checked choices and paths already.
    return text(value) if type(value) is str else value


def text(argument: str) -> str:
    """Give an argument as text. Python keeps bytes that the locale cannot read as surrogates.

    Raises UnicodeError for an argument that is no UTF-8.
    """
    if not any("\ud800" <= letter <= "\udfff" for letter in argument):
        return argument
    return os.fsencode(argument).decode("utf-8")


def shown(path: str | Path) -> str:
    """Give a path as text. Bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
