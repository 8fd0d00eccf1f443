"""The page of everything that goes wrong: what happened, and what to do."""

from collections.abc import Iterable
from typing import ClassVar, Final, Self

from samplebank.errors import Violation
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
SAID: Final = {
    404: "There is no page at this address.",
    405: "This page does not take this kind of request.",
}
FAILED: Final = (
    "The service failed. Its log has the details under the number that this answer carries as X-Request-ID."
)


class Refused(Page, frozen=True):
    """`mistakes` are sentences, each with the field that the sentence is about, if there is one.

    `sample` is the SHA-256 of the sample that a refused form was about. `again` is the path of a page that can be asked for again
    in a while.
    """

    template: ClassVar[str] = "refused.html"

    status: int
    heading: str
    mistakes: list[Violation]
    sample: str | None = None
    again: str | None = None

    @classmethod
    def of(
        cls,
        status: int,
        violations: Iterable[Violation],
        sample: str | None = None,
        again: str | None = None,
    ) -> Self:
        return cls(status, HEADINGS.get(status, "That did not work"), list(violations), sample, again)

    @classmethod
    def saying(cls, status: int, sentence: str | None, again: str | None = None) -> Self:
        return cls.of(status, [Violation(sentence or "The request cannot be understood.")], again=again)
