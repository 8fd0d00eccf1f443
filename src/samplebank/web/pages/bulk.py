"""What a visitor does with several samples at once."""

from typing import ClassVar, Final

import msgspec
from litestar import Response, post

from samplebank.accounts.model import Permission
from samplebank.api.samples import analyse_again
from samplebank.api.search.queries import samples_of
from samplebank.api.search.reanalysis import begin
from samplebank.errors import NotFound, Refusal, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.samples import catalogue
from samplebank.samples.model import read_sha256
from samplebank.web.rendering import Page
from samplebank.web.tasks import read_query_form, to_task
from samplebank.web.visit import Visit

#: samples that one form analyses again
MOST: Final = 100
NONE_SELECTED: Final = "No sample is selected: go back, and mark the samples."


class Begun(msgspec.Struct, frozen=True):
    """A sample with its job, or the reason why there is none."""

    sha256: str
    job_id: str | None
    refusal: str | None


class BulkPage(Page, frozen=True):
    template: ClassVar[str] = "bulk.html"
    section: ClassVar[str] = "samples"

    begun: list[Begun]


@post("/samples/reanalyse-all", opt=operation("reanalyseMatches", Permission.REANALYSE), status_code=303)
async def reanalyse_all(request: Visit) -> Response[bytes]:
    """Analyse everything again that a query finds, by a service task. A form that is sent twice leads to the same task."""
    request.read_query(NoQuery)
    wanted = await read_query_form(request)
    listing = samples_of(request, wanted.q)

    return await to_task(request, f"{wanted.key} matches", wanted.q, lambda: begin(request, listing))


@post("/samples/reanalyse", opt=operation("reanalyseSelected", Permission.REANALYSE), status_code=200)
async def reanalyse(request: Visit) -> Response[bytes]:
    """Analyse the selected samples again. A repeat finds the unfinished jobs of the first time."""
    request.read_query(NoQuery)
    digests = (await request.read_form()).get("sha256", [])
    if not digests:
        raise invalid("sha256", NONE_SELECTED)
    if len(digests) > MOST:
        raise invalid("sha256", f"{len(digests)} samples are selected, and one form takes {MOST} at most.")
    return request.page(BulkPage(begun=[await _begin(request, digest) for digest in dict.fromkeys(digests)]))


async def _begin(request: Visit, digest: str) -> Begun:
    try:
        async with request.bank.database.connection() as db:
            sample = await catalogue.get_undeleted(
                db, request.caller, read_sha256(digest), Permission.REANALYSE
            )
        job = await analyse_again(request, sample)
    except NotFound as error:
        return Begun(digest[:64], None, str(error))
    except Refusal as error:
        if error.status >= 500:  # noqa: PLR2004 a fault of the service concerns all
            raise
        return Begun(digest[:64], None, str(error))
    return Begun(digest, str(job.id), None)


ROUTES = [reanalyse, reanalyse_all]
