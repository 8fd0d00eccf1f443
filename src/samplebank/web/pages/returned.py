"""Forms that come back: a form with a mistake is shown again on its page, with what was typed and the reasons at the fields."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

import msgspec
from litestar import Response

from samplebank.errors import Conflict, Invalid, NotFound, Refusal
from samplebank.http.shapes import NoQuery
from samplebank.web.pages.refused import status_of
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: refusals after which the visitor mends the form, and sends the form again
MENDABLE: Final = (Invalid, Conflict, NotFound)

Form = dict[str, str]


class Returned(msgspec.Struct, frozen=True):
    """A form that was not taken. `form` is its name on the page, empty where no form came back.

    `typed` and `reasons` go by the names of the fields. The reasons under the empty name are about no single field.
    """

    form: str = ""
    typed: Mapping[str, str] = {}
    reasons: Mapping[str, str] = {}

    @classmethod
    def of(cls, form: str, typed: Form, error: Refusal, fields: Mapping[str, str]) -> Self:
        """What to show after `error`. `fields` are names of fields by the names that mistakes have for the fields."""
        reasons: dict[str, list[str]] = {}
        for one in error.violations:
            named = (one.field or "").partition("[")[0]
            field = fields.get(named, named)
            reasons.setdefault(field if field in typed else "", []).append(one.message)
        return cls(form, typed, {field: " ".join(said) for field, said in reasons.items()})

    @property
    def first(self) -> str:
        """The first field with a mistake, where the visitor goes on."""
        return next((field for field in self.typed if field in self.reasons), "")

    def to(self, form: str) -> "Returned":
        """What to show in the form of this name."""
        return self if form == self.form else NOTHING


NOTHING: Final = Returned()
Change = Callable[[Form], Awaitable[Response[bytes]]]
Redraw = Callable[[Returned], Awaitable[Page]]


async def fields_of(request: Visit) -> Form:
    """The first value of each field of the form, without blanks around."""
    request.read_query(NoQuery)
    return {name: values[0].strip() for name, values in (await request.read_form()).items()}


async def by_form(
    request: Visit, name: str, change: Change, redraw: Redraw, fields: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Do what the form asks for. A form with a mistake comes back on the page that `redraw` makes; see `Returned`."""
    form = await fields_of(request)
    try:
        return await change(form)
    except MENDABLE as error:
        status, returned = status_of(error), Returned.of(name, form, error, fields or {})
    return request.page(await redraw(returned), status)
