"""SHA-256 as arguments: as people paste them."""

import re
from collections.abc import Iterable
from typing import Final

import typer

from samplebank.query.hashes import algorithm_of, hashes_in

LONGEST_SHOWN: Final = 100
#: a hash as tables shorten hashes, also with the dots of whoever shortened it by hand
SHORTENED: Final = re.compile(r"[0-9a-fA-F]{6,63}(…|\.{2,})?")


def read_hashes(arguments: Iterable[str], hint: str = "SHA256") -> list[str]:
    """The SHA-256 that arguments hold, each once, in their order. `hint` is the argument in the help."""
    found, wrong = sort_hashes(arguments, hint)
    if wrong:
        raise typer.BadParameter(wrong[0], param_hint=hint)
    return found


def sort_hashes(arguments: Iterable[str], hint: str = "SHA256") -> tuple[list[str], list[str]]:
    """The SHA-256 that arguments hold, each once, in their order; and a sentence for each argument that is none.

    Without any SHA-256 the first of the sentences is raised.
    """
    found: dict[str, None] = {}
    wrong: list[str] = []
    for argument in arguments:
        digests = hashes_in(argument.strip().removeprefix("sha256:"))
        if not digests or any(algorithm_of(digest) != "sha256" for digest in digests):
            wrong.append(f"{argument[:LONGEST_SHOWN]!r} is no SHA256. {_remedy(argument)}")
        else:
            found |= dict.fromkeys(digests)
    if wrong and not found:
        raise typer.BadParameter(wrong[0], param_hint=hint)
    return list(found), wrong


def _remedy(argument: str) -> str:
    if SHORTENED.fullmatch(argument.strip()) and algorithm_of(argument.strip()) is None:
        return "A part of a hash names no sample: `samplebank search --hashes` shows each SHA256 whole, also with --jobs."
    return "`samplebank search` finds the SHA256 of other hashes and names."


def one_hash(argument: str, hint: str = "SHA256") -> str:
    found = read_hashes([argument], hint)
    if len(found) > 1:
        raise typer.BadParameter("Give one SHA256.", param_hint=hint)
    return found[0]
