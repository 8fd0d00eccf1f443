"""KEY=VALUE on the command line."""

from collections.abc import Iterable

import typer


def read_pairs(pairs: Iterable[str], option: str) -> dict[str, str]:
    read = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f'"{pair}" must have the form KEY=VALUE.', param_hint=option)
        if name in read:
            raise typer.BadParameter(f"{name} is given more than once.", param_hint=option)
        read[name] = value
    return read
