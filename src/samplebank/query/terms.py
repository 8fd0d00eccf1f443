"""Meanings that the languages share: values that are compared as a whole, and times."""

from typing import Final

from samplebank.query.documents import Document
from samplebank.query.fields import Meaning, Reading
from samplebank.query.tree import Term
from samplebank.query.values import BadValue, bounds_of, read_time, since
from samplebank.timespec import LATEST, iso

USUAL_TIMES: Final = ("-1d", "-7d", "-30d", "today", "yesterday")


def plain(term: Term) -> str:
    """The value of a field that is compared as a whole."""
    if any("*" in part.text for part in term.parts if not part.quoted):
        raise BadValue(
            'Here "*" has no meaning: the whole value is compared. Put a "*" of the value itself in quotes.'
        )
    return term.text


def time_field(name: str) -> Meaning:
    """The time of this name lies within a range."""

    def meaning(reading: Reading) -> Document:
        now = reading.now
        start, end = bounds_of(reading.term, lambda text: read_time(text, now), lambda text: since(text, now))
        if start is not None and start > LATEST:
            raise BadValue(f"No time lies there: the last time is {iso(LATEST)}.")
        if end is not None and end > LATEST:
            # a range up to the last time has no end, and yet is about rows with such a time
            start, end = start or 0, None
        return {
            "startTimestamp": start,
            "endTimestamp": end,
            "timeFieldStrategy": [name],
        }

    return meaning
