"""Finds the acts of scripts, and the steps of acts, by the rules of `rules/scripts.yar`: all patterns in one pass over a text."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec
import yara_x

RULES = Path(__file__).parent / "rules" / "scripts.yar"
#: most places of one pattern: words anywhere in a large library are no act
MOST_PLACES = 500
SCAN_SECONDS = 5
LONGEST_SAID = 200


class Place(msgspec.Struct, frozen=True, order=True):
    """Where in a text a pattern matches."""

    start: int
    end: int


class Places(msgspec.Struct, frozen=True):
    """The places of steps and traits in a text, by the names that the rules give, in the order of the text."""

    text: bytes
    steps: Mapping[str, list[Place]]
    traits: Mapping[str, list[Place]]

    def said(self, place: Place, most: int = LONGEST_SAID) -> str:
        return self.text[place.start : min(place.end, place.start + most)].decode(errors="replace")

    def of(self, *steps: str) -> list[Place]:
        return sorted(place for step in steps for place in self.steps.get(step, ()))

    def without(self, unwanted: Iterable[Place]) -> "Places":
        """The places that do not lie inside of one of the unwanted places."""
        holes = list(unwanted)
        steps = {
            name: [one for one in places if not _is_inside(one, holes)] for name, places in self.steps.items()
        }
        return Places(self.text, steps, self.traits)


def places_in(text: bytes) -> Places:
    """Find the places. Raises yara_x.TimeoutError."""
    steps: dict[str, list[Place]] = {}
    traits: dict[str, list[Place]] = {}
    for rule in _scanner().scan(text).matching_rules:
        stated = dict(rule.metadata)
        found = steps if "step" in stated else traits
        found[stated.get("step") or stated["trait"]] = sorted(
            Place(match.offset, match.offset + match.length)
            for pattern in rule.patterns
            for match in pattern.matches
        )
    return Places(text, steps, traits)


def near(places: Places, *steps: str, within: int) -> str | None:
    """The words of the first place where the steps follow each other in this order; None without such a place.

    Each step stands within so many bytes after the end of the step before.
    """
    if any(step not in places.steps for step in steps):
        return None
    first, *others = (places.of(step) for step in steps)
    for start in first[:MOST_PLACES]:
        chain = [start]
        for following in others:
            place = _next(following, chain[-1].end, within)
            if place is None:
                break
            chain.append(place)
        else:
            return " ".join(places.said(place, LONGEST_SAID // 2) for place in chain)
    return None


def _next(places: list[Place], end: int, within: int) -> Place | None:
    # The pattern of a step may begin with the letter before its word.
    number = bisect_left(places, Place(end - 1, end))
    is_near = number < len(places) and places[number].end <= end + within
    return places[number] if is_near else None


def _is_inside(place: Place, holes: list[Place]) -> bool:
    return any(hole.start <= place.start and place.end <= hole.end for hole in holes)


@cache
def _scanner() -> yara_x.Scanner:
    compiler = yara_x.Compiler()
    compiler.add_source(RULES.read_text())
    scanner = yara_x.Scanner(compiler.build())
    scanner.set_timeout(SCAN_SECONDS)
    scanner.max_matches_per_pattern(MOST_PLACES)
    return scanner
