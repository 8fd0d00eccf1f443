"""Evidence: files that back an analysis. Upload, list, download. The bytes are hostile, and sent only to be saved."""

import re
from functools import partial
from typing import Literal
from uuid import UUID

from litestar import Response, get, post

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.analyses import evidence
from samplebank.analyses.evidence import AnalysisOfCustomer, NewEvidence
from samplebank.api.call import Call
from samplebank.api.downloads import BINARY, attachment
from samplebank.api.envelope import Answer
from samplebank.api.people import UserInfo
from samplebank.api.repeated_requests import once
from samplebank.api.uploads import refuse_announced_excess, uploaded
from samplebank.audit.model import Kind
from samplebank.blobs import Area, Staged, verified
from samplebank.database.signals import Signal
from samplebank.errors import Forbidden, Violations
from samplebank.http.operation import V2, operation
from samplebank.http.repeats import key_of
from samplebank.http.shapes import WORD, Body, Int64, NoQuery, PageQuery, Shown, Unique
from samplebank.http.streaming import Streamed
from samplebank.samples.model import read_sha256

ALL = f"{V2}/sample/{{sha256:str}}/analysis/{{analysis_id:str}}/evidence"
ONE = f"{ALL}/{{evidence_id:str}}"
LONGEST = 255
FILE_NAME = re.compile(f"(?!\\.*\\Z){WORD}")
#: a media type with its parameters, in printable ASCII (RFC 9110, section 8.3)
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+*-]+ *(;[ -~]*)?", re.ASCII)


class EvidenceQuery(Body):
    internal: bool = False
    potentially_malicious: bool = False


class Evidence(Shown):
    id: UUID
    file_name: str
    mime_type: str
    size: Int64
    checksum: str
    flags: Unique[Literal["internal", "potentiallyMalicious"]]
    created_by_user: UserInfo
    created_timestamp: int


def show_evidence(row: evidence.Evidence, directory: Directory) -> Evidence:
    return Evidence(
        id=row.id,
        file_name=row.file_name,
        mime_type=row.mime_type,
        size=row.size,
        checksum=row.sha256.hex(),
        flags=row.flags,  # type: ignore[arg-type]  # the names of the contract
        created_by_user=UserInfo.of(directory.subject(row.user_id)),
        created_timestamp=row.created_time,
    )


@get(ALL, opt=operation("listEvidence", Permission.VIEW_ANALYSIS, query=PageQuery, answers=list[Evidence]))
async def list_evidence(request: Call) -> Response[bytes] | Streamed:
    """List the evidence of the analysis, oldest first."""
    analysis = await visible_analysis(request, Permission.VIEW_ANALYSIS)
    page = request.read_query(PageQuery).page()
    return await request.show_list(evidence.evidence_of(analysis, request.caller), page, show_evidence)


@get(ONE, opt=operation("getEvidence", Permission.VIEW_ANALYSIS, query=NoQuery, answers=Evidence))
async def get_evidence(request: Call) -> Answer:
    return await request.show(await visible_evidence(request), show_evidence)


@get(
    f"{ONE}/download",
    opt=operation(
        "getEvidenceData", Permission.VIEW_ANALYSIS, query=NoQuery, media_type="*/*", act=Kind.DOWNLOAD
    ),
)
async def get_evidence_data(request: Call) -> Streamed:
    """Send the bytes as uploaded."""
    return await send_evidence(request)


@post(
    f"{ALL}/{{file_name:str}}",
    opt=operation(
        "uploadEvidence",
        Permission.ADD_EVIDENCE,
        query=EvidenceQuery,
        answers=Evidence,
        status=201,
        also={200: Evidence},
        raw_body=True,
        by_claims=True,
        keyed=True,
    ),
)
async def upload_evidence(request: Call) -> Answer:
    """Store the bytes of the body, which may be empty. An upload repeated within 10 minutes answers 200."""
    key, caller, most = key_of(request), request.caller, request.bank.settings.max_sample_size
    analysis = await visible_analysis(request, Permission.ADD_EVIDENCE, Permission.WORK_ON_CLAIMS)
    new = read_evidence(request)
    if not caller.scope(Permission.ADD_EVIDENCE, Permission.WORK_ON_CLAIMS).covers(analysis.customer_id):
        raise Forbidden(
            "You do not hold the permission addSampleAnalysisEvidence for the customer of this analysis."
        )
    refuse_announced_excess(request, most)
    staged = await request.bank.blobs.stage(Area.EVIDENCE, uploaded(request), most)
    try:
        add = partial(_add, request, analysis, staged, new)
        return await once(request, key, staged.digests.sha256, add)
    finally:
        await staged.discard()


async def _add(request: Call, analysis: AnalysisOfCustomer, staged: Staged, new: NewEvidence) -> Answer:
    user_id, now = request.caller.user.id, request.bank.clock()
    async with request.bank.database.transaction() as db:
        row, is_new = await evidence.add(db, analysis.id, staged, new, user_id=user_id, now=now)
    request.bank.signals.send(Signal.EVENTS)
    return await request.show(row, show_evidence, 201 if is_new else 200)


def read_evidence(request: Call) -> NewEvidence:
    """Read what path, query and headers say about the bytes. Raises `Invalid` with every violation."""
    query = request.read_query(EvidenceQuery)
    violations = Violations()
    name = request.path("file_name")
    if not FILE_NAME.fullmatch(name) or len(name) > LONGEST:
        violations.add(
            "fileName",
            f"The file name {name[:100]!r} must be letters, digits and _ : - . (not dots alone), 255 at most.",
        )
    media_type = request.header(b"content-type") or BINARY
    if not MEDIA_TYPE.fullmatch(media_type) or len(media_type) > LONGEST:
        violations.add("Content-Type", f"{media_type[:100]!r} is not a media type.")
    violations.raise_if_any()
    return NewEvidence(
        file_name=name,
        mime_type=media_type,
        internal=query.internal,
        potentially_malicious=query.potentially_malicious,
    )


async def visible_analysis(request: Call, *permissions: Permission) -> AnalysisOfCustomer:
    sample = await request.visible_sample(*permissions)
    async with request.bank.database.connection() as db:
        return await evidence.get_visible_owner(
            db, request.caller, sample, request.path("analysis_id"), *permissions
        )


async def visible_evidence(request: Call) -> evidence.Evidence:
    analysis = await visible_analysis(request, Permission.VIEW_ANALYSIS)
    async with request.bank.database.connection() as db:
        row = await evidence.get_evidence(db, analysis, request.caller, request.path("evidence_id"))
    request.read_query(NoQuery)
    return row


async def send_evidence(request: Call, media_type: str | None = None) -> Streamed:
    """Send the bytes of the evidence that the path names, as a file of its own media type or another. Raises `NotFound`."""
    row = await visible_evidence(request)
    await request.record_download(read_sha256(request.path("sha256")), evidence=str(row.id), bytes=row.size)
    pieces = await request.opened(verified(request.bank.blobs.read(Area.EVIDENCE, row.sha256), row.sha256))
    return attachment(pieces, row.file_name, row.size, media_type or row.mime_type)


ROUTES = [list_evidence, get_evidence, get_evidence_data, upload_evidence]
