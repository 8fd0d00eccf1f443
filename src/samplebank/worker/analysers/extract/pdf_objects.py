"""The dictionaries of a PDF document: the objects that others point to, and what stands inside of these objects itself."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from samplebank.worker.analysers.extract.extras import installed

pikepdf = installed("pikepdf")

#: values inside of all objects that are looked at
MOST_INSIDE = 300_000


def dictionaries(document: Any, most: int) -> Iterator[tuple[str, Any]]:
    """The dictionaries and streams among the first `most` objects, and then the dictionaries inside, each with a number.

    What stands inside comes last, so that an object with very many values hides no other object.
    """
    kinds = pikepdf.Dictionary | pikepdf.Stream | pikepdf.Array
    found = [one for one in islice(document.objects, most) if isinstance(one, kinds)]
    for number, one in enumerate(found):
        if not isinstance(one, pikepdf.Array):
            yield str(number), one
    budget = iter(range(MOST_INSIDE))
    for number, one in enumerate(found):
        for place, inside in enumerate(_inside(one, budget), 1):
            yield f"{number}-{place}", inside


def _inside(found: Any, budget: Iterator[int]) -> Iterator[Any]:
    """The dictionaries inside. A dictionary that the object points to is an object of the document, and comes by itself."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        values = one if isinstance(one, pikepdf.Array) else (value for _, value in one.items())
        for _, value in zip(budget, values, strict=False):
            if isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect:
                waiting.append(value)
                if isinstance(value, pikepdf.Dictionary):
                    yield value
