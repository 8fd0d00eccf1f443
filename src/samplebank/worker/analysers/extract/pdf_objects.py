"""The dictionaries of a PDF document: the objects that others point to, and what stands inside of these objects itself."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from samplebank.worker.analysers.extract.extras import installed

pikepdf = installed("pikepdf")

#: values inside of one object that are looked at
MOST_INSIDE = 20_000


def objects(document: Any, most: int) -> Iterator[Any]:
    """The objects that others point to, and that may be or hold dictionaries: the first `most` of all objects."""
    for found in islice(document.objects, most):
        if isinstance(found, pikepdf.Dictionary | pikepdf.Stream | pikepdf.Array):
            yield found


def dictionaries(found: Any) -> Iterator[Any]:
    """The object, if the object is a dictionary or a stream, and the dictionaries inside.

    A dictionary that the object points to is an object of the document, and comes by itself.
    """
    if not isinstance(found, pikepdf.Array):
        yield found
    waiting, left = [found], MOST_INSIDE
    while waiting and left > 0:
        one = waiting.pop()
        values = one if isinstance(one, pikepdf.Array) else (value for _, value in one.items())
        for value in islice(values, left):
            left -= 1
            if isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect:
                waiting.append(value)
                if isinstance(value, pikepdf.Dictionary):
                    yield value
