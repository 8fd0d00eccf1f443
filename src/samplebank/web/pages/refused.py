"""The page of everything that goes wrong: what happened, and what to do."""

from collections.abc import Iterable
from typing import ClassVar, Final, Self

from samplebank.errors import Conflict, Refusal, Violation
from samplebank.web.rendering import Page

HEADINGS: Final = {
    400: "The request has mistakes",
    401: "Not signed in",
    403: "Not for you",
    404: "Not here",
    405: "Not possible here",
    409: "Not as things stand",
    413: "Too large",
    429: "Too many at once",
    502: "The sign-in could not be proved",
    503: "Not at the moment",
}
#: the status of a page for a request that breaks a rule; the API says 412, as SampleDB v2 does
BAD_REQUEST: Final = 400
BROKEN_RULE: Final = 412
CONFLICT: Final = 409
SAID: Final = {
    404: "There is no page at this address.",
    405: "This page does not take this kind of request.",
}
FAILED: Final = (
    "The service failed. Its log has the details under the number that this answer carries as X-Request-ID."
)


def status_of(error: Refusal) -> int:
    """The status of the page that tells of the refusal."""
    if isinstance(error, Conflict):
        return CONFLICT
    return BAD_REQUEST if error.status == BROKEN_RULE else error.status


class Refused(Page, frozen=True):
    """`mistakes` are sentences, each with the field that the sentence is about, if there is one.

    `form` is the path of the page with the form that was refused. `again` is the path of a page that can be asked for again in a
    while.
    """

    template: ClassVar[str] = "refused.html"

    status: int
    heading: str
    mistakes: list[Violation]
    form: str | None = None
    again: str | None = None

    @classmethod
    def of(
        cls,
        status: int,
        violations: Iterable[Violation],
        form: str | None = None,
        again: str | None = None,
    ) -> Self:
        return cls(status, HEADINGS.get(status, "That did not work"), list(violations), form, again)

    @classmethod
    def saying(cls, status: int, sentence: str | None, again: str | None = None) -> Self:
        return cls.of(status, [Violation(sentence or "The request cannot be understood.")], again=again)
