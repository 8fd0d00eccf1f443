"""SHA-256 as arguments: as people paste them."""

from collections.abc import Iterable
from typing import Final

import typer

from samplebank.query.hashes import algorithm_of, hashes_in

LONGEST_SHOWN: Final = 100


def read_hashes(arguments: Iterable[str]) -> list[str]:
    """The SHA-256 that arguments hold, each once, in their order."""
    found: dict[str, None] = {}
    for argument in arguments:
        digests = hashes_in(argument.strip().removeprefix("sha256:"))
        if not digests or any(algorithm_of(digest) != "sha256" for digest in digests):
            said = f"{argument[:LONGEST_SHOWN]!r} is no SHA256. `samplebank search` finds the SHA256 of other hashes and names."
            raise typer.BadParameter(said, param_hint="SHA256")
        found |= dict.fromkeys(digests)
    return list(found)


def one_hash(argument: str) -> str:
    found = read_hashes([argument])
    if len(found) > 1:
        raise typer.BadParameter("Give one SHA256.", param_hint="SHA256")
    return found[0]
