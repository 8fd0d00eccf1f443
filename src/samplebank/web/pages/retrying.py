"""Another try of several jobs at once: their samples are analysed again, by a service task."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response, post
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.api.search.queries import jobs_of
from samplebank.api.search.reanalysis import TOO_MANY, begin_for
from samplebank.errors import Invalid, NotFound, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.jobs.job_samples import samples_matching, samples_of
from samplebank.service_tasks import reanalysing
from samplebank.web.tasks import RELOAD, Key, read_query_form, to_task
from samplebank.web.visit import Visit

#: jobs that one form selects
MOST: Final = 100
NONE_SELECTED: Final = "No job is selected: go back, and mark the jobs."
TOO_MANY_SELECTED: Final = (
    f"More than {MOST} jobs are selected: select fewer, or search for the jobs and try all matches again."
)
NONE_SEEN: Final = "There is no such job that you may see: load the list of jobs again."


class SelectedJobs(msgspec.Struct, frozen=True):
    """The jobs that are tried again. `key` tells a form that is sent twice."""

    job: Annotated[list[UUID], Meta(max_length=MOST)]
    key: Key


@post("/jobs/retry", opt=operation("retryJobs", Permission.REANALYSE), status_code=303)
async def retry_jobs(request: Visit) -> Response[bytes]:
    """Analyse the samples of the selected jobs again. A form that is sent twice leads to the same task."""
    request.read_query(NoQuery)
    wanted = await _read_selected(request)

    async def begin() -> UUID:
        async with request.bank.database.connection() as db:
            return await _begin(request, await samples_of(db, request.caller, wanted.job))

    selected = " ".join(map(str, wanted.job))
    return await to_task(request, f"{wanted.key} {selected}", selected, begin)


@post("/jobs/retry-all", opt=operation("retryMatchingJobs", Permission.REANALYSE), status_code=303)
async def retry_matching_jobs(request: Visit) -> Response[bytes]:
    """Analyse the samples of all jobs again that a query finds. A form that is sent twice leads to the same task."""
    request.read_query(NoQuery)
    wanted = await read_query_form(request)
    listing = jobs_of(request, wanted.q)

    async def search() -> list[int]:
        async with request.bank.database.connection() as db:
            return await samples_matching(db, listing, reanalysing.MOST + 1)

    async def begin() -> UUID:
        return await _begin(request, await request.dearly(search))

    return await to_task(request, f"{wanted.key} matching jobs", wanted.q, begin)


async def _read_selected(request: Visit) -> SelectedJobs:
    form = await request.read_form()
    jobs = list(dict.fromkeys(form.get("job", [])))
    if not jobs:
        raise invalid("job", NONE_SELECTED)
    if len(jobs) > MOST:
        raise invalid("job", TOO_MANY_SELECTED)
    try:
        return msgspec.convert({"job": jobs, "key": form.get("key", [""])[0]}, SelectedJobs)
    except msgspec.ValidationError as error:
        raise invalid("job", RELOAD) from error


async def _begin(request: Visit, samples: list[int]) -> UUID:
    if not samples:
        raise NotFound(NONE_SEEN)
    if len(samples) > reanalysing.MOST:
        raise Invalid(TOO_MANY.format(reanalysing.MOST))
    return await begin_for(request, sorted(samples))


ROUTES = [retry_jobs, retry_matching_jobs]
