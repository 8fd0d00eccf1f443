"""Whether the service is alive and ready, and its figures. None needs a key, none tells of the data."""

import os

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from samplebank.api.envelope import Answer, single
from samplebank.api.exchange import Exchange
from samplebank.api.operation import OPEN
from samplebank.database.migrations import HEAD
from samplebank.errors import Unavailable
from samplebank.jobs.tally import TOTAL
from samplebank.sandbox import missing_parts

UNFINISHED = (
    f"SELECT state, sum(n)::bigint FROM {TOTAL} WHERE state IN ('enqueued', 'executing') GROUP BY state"
)
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"


@get("/healthz", opt=OPEN)
async def healthz(request: Exchange) -> Answer:  # noqa: ARG001 every route takes the request
    """The process is alive."""
    return single({"status": "alive"})


@get("/readyz", opt=OPEN)
async def readyz(request: Exchange) -> Answer:
    """Database and blob store can be reached, and the schema is current."""
    bank = request.bank
    async with bank.database.connection() as db:
        revision = await db.fetchval("SELECT version_num FROM alembic_version")
    if revision != HEAD:
        raise Unavailable(f"The schema is at revision {revision}, but this release needs {HEAD}.")
    await bank.blobs.check()
    missing = missing_parts()
    return single({"status": "ready", **({"sandboxLacks": missing} if missing else {})})


@get("/metrics", opt=OPEN)
async def metrics(request: Exchange) -> Response[bytes]:
    """Figures in the format of Prometheus, over all processes of this service."""
    registry = REGISTRY
    if os.environ.get(SHARED_METRICS):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library is typed but for this
    async with request.bank.database.connection() as db:
        unfinished = dict(await db.fetch(UNFINISHED))
    own = (
        "# HELP samplebank_jobs_unfinished Jobs that have not ended, by state.\n"
        "# TYPE samplebank_jobs_unfinished gauge\n"
        f'samplebank_jobs_unfinished{{state="enqueued"}} {unfinished.get("enqueued", 0)}\n'
        f'samplebank_jobs_unfinished{{state="executing"}} {unfinished.get("executing", 0)}\n'
    )
    return Response(content=generate_latest(registry) + own.encode(), media_type=CONTENT_TYPE_LATEST)


ROUTES = [healthz, readyz, metrics]
