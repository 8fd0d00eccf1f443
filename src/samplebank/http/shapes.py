"""The shapes shared by every door: numbers, words, times, pages, and the base of bodies and answers."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from samplebank.database import Page
from samplebank.http.validation import TIME

T = TypeVar("T")
Limit = Annotated[int, Meta(ge=0, le=10_000)]
Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]
#: the furthest page of a search that may find very much; with limit 0 the search answers everything
SearchOffset = Annotated[int, Meta(ge=0, le=10_000)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
#: published as a number of 64 bits; every other number that is no time has 32
Int64 = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
#: published as a list without repetitions; in a request repetitions do no harm
Unique = Annotated[list[T], Meta(extra_json_schema={"x-set": True})]
#: the same for requests, of at most 1,000 items
Several = Annotated[list[T], Meta(max_length=1000, extra_json_schema={"x-set": True})]
Time = Annotated[int | str | None, Meta(extra_json_schema=TIME)]
# The patterns of the contract, for the whole string (a plain $ would let a final line break pass).
END = r"(?![\s\S])"
WORD = r"[a-zA-Z0-9_:\-\.]*"
Word = Annotated[str, Meta(pattern=f"^{WORD}{END}", max_length=255, extra_json_schema={"x-pattern": WORD})]
#: the short name of a user, group or customer, as in tenants files
ShortName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_:\-.]{1,100}" + END)]
Named = Annotated[str, Meta(min_length=1, max_length=200)]
#: `\s` and `\w` of the contract mean ASCII, as in Java, for which the contract was written
SENTENCE = r"^[ \t\n\x0b\f\r" + r"""a-zA-Z0-9_\{\}\$\-\(\)\.\[\]"\'/\\,\*\+\#:@!?;=]*""" + END
#: the same pattern, as the contract writes the pattern
PUBLISHED_SENTENCE = r"""[\s\w\{\}\$\-\(\)\.\[\]"\'_/\\,\*\+\#:@!?;=]*"""
Sentence = Annotated[
    str, Meta(pattern=SENTENCE, max_length=10_000, extra_json_schema={"x-pattern": PUBLISHED_SENTENCE})
]


#: published as required, despite a default
ASKED_FOR = Meta(extra_json_schema={"x-required": True})


def unless_given(value: Any) -> Meta:
    """Publish the value that holds when a field is not given. The field itself is None then."""
    return Meta(extra_json_schema={"x-default": value})


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The base of bodies and queries. Unknown fields are refused."""


class Shown(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """The base of answers. Fields without a value are left out, lists never."""


class PageQuery(Body):
    limit: Limit = 25
    offset: Offset = 0

    def page(self, sort: Iterable[str] | None = ()) -> Page:
        return Page(self.limit, self.offset, tuple(sort or ()))


class NoQuery(Body):
    """The call takes no parameters."""
