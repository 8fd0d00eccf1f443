"""The findings on a sample: the newest result of each worker, drawn by the worker's schema, with its evidence."""

from typing import Any, ClassVar, Final

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.analyses import evidence, queries
from samplebank.analyses.evidence import AnalysisOfCustomer, SomeEvidence
from samplebank.analyses.model import Analysis
from samplebank.api.downloads import BINARY, attachment
from samplebank.api.evidence import send_evidence
from samplebank.audit.model import Kind
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.http.streaming import Pieces, Streamed
from samplebank.policy.workers import find_schemas_of
from samplebank.web.copying import Copied, of_view
from samplebank.web.drawn import Drawn
from samplebank.web.rendering import Page
from samplebank.web.results import draw
from samplebank.web.sample_head import Head, PartQuery, read_head
from samplebank.web.visit import Visit
from samplebank.web.wild import defanged, plain

#: results on a page, and files of evidence of each
MOST: Final = 8
MOST_FILES: Final = 100
NO_FILES: Final = SomeEvidence([], 0)
#: characters of JSON that the page shows of a result
MOST_JSON: Final = 8 * 1024
JSON: Final = "application/json"
NEEDED: Final = Permission.VIEW_ANALYSIS


class Finding(msgspec.Struct, frozen=True):
    """An analysis with its drawn result. `json` is the beginning of the result as JSON, `size` all bytes of the JSON."""

    analysis: Analysis
    drawn: Drawn
    json: list[str]
    size: int
    evidence: SomeEvidence


class Findings(Page, frozen=True):
    template: ClassVar[str] = "findings.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    rows: list[Finding]
    offset: int
    next_offset: int | None


@get("/sample/{sha256:str}/findings", opt=operation("showFindings", NEEDED))
async def show_findings(request: Visit) -> Response[bytes]:
    """Show the newest result of each worker, the highest score first."""
    caller = request.caller
    async with request.reading() as db:
        sample, head, _ = await read_head(request, db)
        query = request.read_query(PartQuery)
        found = await queries.newest_by_worker(caller, sample).page(db, Part(MOST + 1, query.offset))
        shown = found[:MOST]
        schemas = await find_schemas_of(db, {one.agent_name for one in shown})
        backed = [AnalysisOfCustomer(one.id, one.customer_id) for one in shown if one.has_evidence]
        files = await evidence.evidence_of_several(db, caller, backed, MOST_FILES) if backed else {}
    return request.page(
        Findings(
            copied=of_view(request.address, "findings", head.sha256),
            head=head,
            rows=[_finding(one, schemas.get(one.agent_name), files.get(one.id, NO_FILES)) for one in shown],
            offset=query.offset,
            next_offset=query.offset + MOST if len(found) > MOST else None,
        )
    )


def _finding(analysis: Analysis, schema: Any, files: SomeEvidence) -> Finding:
    written = msgspec.json.encode(analysis.result)
    begin = written[:MOST_JSON]
    if len(written) <= MOST_JSON:
        begin = msgspec.json.format(written, indent=2)
    lines = begin.decode("utf-8", "ignore").split("\n")
    return Finding(
        analysis=analysis,
        drawn=draw(analysis.result, schema),
        json=[plain(defanged(line)) for line in lines],
        size=len(written),
        evidence=files,
    )


@get(
    "/sample/{sha256:str}/analysis/{analysis_id:str}/result",
    opt=operation("downloadResult", NEEDED, act=Kind.DOWNLOAD),
)
async def download_result(request: Visit) -> Streamed:
    """Send the result as JSON, as a file."""
    sample = await request.visible_sample(NEEDED)
    async with request.bank.database.connection() as db:
        analysis = await queries.get_visible_analysis(
            db, request.caller, sample, request.path("analysis_id"), NEEDED
        )
    request.read_query(NoQuery)
    written = msgspec.json.encode(analysis.result)
    await request.record_download(sample.sha256, analysis=str(analysis.id), bytes=len(written))
    return attachment(await request.opened(_in_one(written)), f"{analysis.id}.json", len(written), JSON)


async def _in_one(content: bytes) -> Pieces:
    yield content


@get(
    "/sample/{sha256:str}/analysis/{analysis_id:str}/evidence/{evidence_id:str}",
    opt=operation("downloadEvidenceByPage", NEEDED, act=Kind.DOWNLOAD),
)
async def download_evidence(request: Visit) -> Streamed:
    """Send the bytes of evidence, as a file. The bytes are no script and no style, which pages take from the service itself."""
    return await send_evidence(request, BINARY)


ROUTES = [show_findings, download_result, download_evidence]
