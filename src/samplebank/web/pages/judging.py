"""What a visitor decides about a sample: a verdict by hand, and another analysis."""

from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, post

from samplebank.accounts.model import Permission
from samplebank.api.samples import analyse_again
from samplebank.api.verdicts import VerdictAddRequest, VerdictWithdrawRequest, judge, withdraw
from samplebank.database import Connection
from samplebank.errors import Conflict, Invalid, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.http.validation import violations_of
from samplebank.search.overview import get_overview
from samplebank.verdicts.model import Verdict
from samplebank.web.visit import Visit

#: the status of the form that takes a verdict by hand back
WITHDRAWN: Final = "withdrawn"
Wanted = VerdictAddRequest | VerdictWithdrawRequest
CHANGED: Final = "The verdict has changed since you loaded the page, so nothing was stored: look at the sample again, and judge again."
NO_REASON: Final = "Give a reason: others will want to know why."


class _RepeatedForm(Exception):
    """The verdict is stored already: the browser has sent the form twice."""


@post(
    "/sample/{sha256:str}/verdict",
    opt=operation("judgeByPage", Permission.ADD_VERDICT),
    status_code=303,
)
async def set_verdict(request: Visit) -> Response[bytes]:
    """Judge the sample, or take the verdict by hand back. A form that was filled in before somebody else judged is refused."""
    request.read_query(NoQuery)
    form = await request.read_form()
    sample = await request.visible_sample(Permission.ADD_VERDICT)
    wanted = _read(request, {name: values[0] for name, values in form.items()})

    async def check(db: Connection) -> None:
        latest = (await get_overview(db, request.caller, sample.sha256)).verdict
        if form.get("seen", [""])[0] == _id_of(None if latest is None else latest.id):
            return
        raise _RepeatedForm if latest is not None and _is_repeat(latest, wanted) else Conflict(CHANGED)

    with suppress(_RepeatedForm):
        if isinstance(wanted, VerdictAddRequest):
            await judge(request, sample, wanted, check)
        else:
            await withdraw(request, sample, wanted.comment, check)
    return request.to(f"sample/{sample.sha256.hex()}")


@post(
    "/sample/{sha256:str}/reanalyse",
    opt=operation("reanalyseByPage", Permission.REANALYSE),
    status_code=303,
)
async def reanalyse(request: Visit) -> Response[bytes]:
    """Start another job, or go on to an unfinished job with the same workers."""
    request.read_query(NoQuery)
    await request.read_form()
    sample = await request.visible_sample(Permission.REANALYSE)
    job = await analyse_again(request, sample)
    return request.to(f"job/{job.id}")


def _id_of(id_: UUID | None) -> str:
    return "" if id_ is None else str(id_)


def _read(request: Visit, fields: dict[str, str]) -> Wanted:
    """Read the form. Raises `Invalid`."""
    given = {"comment": fields.get("comment", "").strip()}
    if not given["comment"]:
        raise invalid("comment", NO_REASON)
    shape: type[Wanted] = VerdictWithdrawRequest
    if (status := fields.get("status", "")) != WITHDRAWN:
        shape = VerdictAddRequest
        given["statusOverride"] = status
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise Invalid(*violations_of(given, shape, request.now, str(error))) from None


def _is_repeat(latest: Verdict, wanted: Wanted) -> bool:
    """Whether the latest verdict is that of the same form, which the browser has sent twice."""
    status = WITHDRAWN if latest.is_withdrawal else latest.status_override
    asked = wanted.status_override if isinstance(wanted, VerdictAddRequest) else WITHDRAWN
    return (status, latest.comment) == (asked, wanted.comment)


ROUTES = [set_verdict, reanalyse]
