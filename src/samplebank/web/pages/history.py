"""The history of a sample: every verdict, what changed with the verdict, and who judged by hand."""

from itertools import pairwise
from typing import ClassVar

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.verdicts.model import Verdict, word_for
from samplebank.verdicts.queries import verdicts_of
from samplebank.web.copying import Copied, of_view
from samplebank.web.rendering import Page
from samplebank.web.sample_head import MOST, Head, PartQuery, read_head
from samplebank.web.visit import Visit


class Step(msgspec.Struct, frozen=True):
    """A verdict. `changes` are the differences from the verdict before, in words."""

    verdict: Verdict
    word: str
    by: str | None
    changes: list[str]


class History(Page, frozen=True):
    template: ClassVar[str] = "history.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    steps: list[Step]
    first_stored: int
    offset: int
    next_offset: int | None


@get("/sample/{sha256:str}/history", opt=operation("showHistory", Permission.VIEW_VERDICTS))
async def show_history(request: Visit) -> Response[bytes]:
    """Show the verdicts on the sample, newest first."""
    async with request.reading() as db:
        sample, head, overview = await read_head(request, db)
        query = request.read_query(PartQuery)
        listing = verdicts_of(request.caller, sample, ["-createdTimestamp"])
        found: list[Verdict | None] = [*await listing.page(db, Part(MOST + 1, query.offset))]
    is_last = len(found) <= MOST
    verdicts = found + ([None] if is_last else [])
    steps = [_step(request, newer, older) for newer, older in pairwise(verdicts) if newer is not None]
    return request.page(
        History(
            copied=of_view(request.address, "history", head.sha256),
            head=head,
            steps=steps,
            first_stored=overview.created_time,
            offset=query.offset,
            next_offset=None if is_last else query.offset + MOST,
        )
    )


def _step(request: Visit, verdict: Verdict, before: Verdict | None) -> Step:
    by = None if verdict.user_id is None else request.bank.directory.subject(verdict.user_id).short_name
    word = word_for(verdict, request.bank.settings.malicious_score)
    return Step(verdict, word, by, _changes(verdict, before))


def _changes(verdict: Verdict, before: Verdict | None) -> list[str]:
    now = _scores(verdict)
    if not now:
        # a verdict by hand weighs no analyses: so none has gone
        return []
    then = {} if before is None else _scores(before)
    if not then:
        return [f"{name} says {score}" for name, score in now.items()]
    changed = [
        f"{name} says {score}, {then[name]} before" if name in then else f"{name} is new and says {score}"
        for name, score in now.items()
        if then.get(name) != score
    ]
    return [*changed, *(f"{name} is gone" for name in then if name not in now)]


def _scores(verdict: Verdict) -> dict[str, str]:
    """What each analysis says, in words."""
    return {
        f"{analysis['userAgent']['name']} {analysis['userAgent']['version']}": _said(
            analysis["analysisScore"]
        )
        for analysis in verdict.analyses
    }


def _said(score: int) -> str:
    return "nothing" if score < 0 else str(score)


ROUTES = [show_history]
