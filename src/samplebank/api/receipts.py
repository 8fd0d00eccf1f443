"""What a deletion would take, and the receipts of deletions."""

import base64
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.errors import Violations
from samplebank.http.guard import administers
from samplebank.http.operation import EXTENSIONS, OPEN, operation
from samplebank.http.shapes import NoQuery, PageQuery, Shown
from samplebank.http.streaming import Streamed
from samplebank.samples import catalogue
from samplebank.samples.model import NO_DIGEST, SHA256, read_sha256
from samplebank.service_tasks import receipts
from samplebank.service_tasks.losses import Losses, losses
from samplebank.service_tasks.receipts import StoredReceipt


class DeletionPreview(Shown):
    """Rows that the caller sees and that a deletion of the sample would take, up to 10,000 of each kind; bytes of files."""

    sha256: str
    size: int
    submissions: int
    jobs: int
    analyses: int
    evidence: int
    evidence_bytes: int
    links: int
    notes: int
    facts: int
    children: int
    children_bytes: int


class ReceiptQuery(PageQuery):
    correlation_id: UUID | None = msgspec.field(name="correlationID", default=None)
    sha256: str | None = None


class DeletionReceipt(Shown):
    """`signature` is Base64 of an Ed25519 signature over `statement` as canonical JSON: sorted names, no blanks, UTF-8."""

    statement: dict[str, Any]
    key_id: str = msgspec.field(name="keyID")
    signature: str


class ReceiptKey(Shown):
    """The public key has 32 bytes, in Base64."""

    id: str
    public_key: str


@get(
    f"{EXTENSIONS}/sample/{{sha256:str}}/deletion",
    opt=operation("previewDeletion", Permission.DELETE_SAMPLE, query=NoQuery, answers=DeletionPreview),
)
async def preview_deletion(request: Call) -> Answer:
    """Count what a deletion of the sample would take, and delete nothing.

    A child goes with the sample, unless somebody submitted the child, or the child came out of another file as well. A deletion is
    refused where customers have the sample for whom the caller may not delete: only the deletion itself tells.
    """
    sha256 = read_sha256(request.path("sha256"))
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        sample = await catalogue.get_visible(db, request.caller, sha256, Permission.DELETE_SAMPLE)
        seen = await losses(db, request.caller, sample)
    return await request.show((sample.size, seen), _preview_of(sha256))


def _preview_of(sha256: bytes) -> Any:
    def show(row: tuple[int, Losses], _: Directory) -> DeletionPreview:
        size, seen = row
        return DeletionPreview(sha256=sha256.hex(), size=size, **msgspec.structs.asdict(seen))

    return show


@get(
    f"{EXTENSIONS}/receipts",
    opt=operation("listReceipts", query=ReceiptQuery, answers=list[DeletionReceipt]),
)
async def list_receipts(request: Call) -> Response[bytes] | Streamed:
    """List the receipts of deletions that the caller asked for, newest first. Administrators of the installation see all."""
    query = request.read_query(ReceiptQuery)
    violations = Violations()
    if query.sha256 is not None and not SHA256.fullmatch(query.sha256):
        violations.add("sha256", NO_DIGEST)
    violations.raise_if_any()
    listing = receipts.receipts_matching(
        request.caller,
        correlation_id=query.correlation_id,
        sha256=None if query.sha256 is None else bytes.fromhex(query.sha256),
        sees_all=administers(request, Permission.REINDEX),
    )
    return await request.show_list(listing, query.page(), _show)


@get(f"{EXTENSIONS}/receipts/keys", opt=OPEN)
async def list_receipt_keys(request: Call) -> Answer:
    """The public keys that receipts of this installation are checked with. There is none before the first deletion."""
    async with request.bank.database.connection() as db:
        keys = await receipts.public_keys(db)
    return envelope.single(
        [ReceiptKey(id_, base64.b64encode(public).decode()) for id_, public in keys.items()]
    )


def _show(row: StoredReceipt, _: Directory) -> DeletionReceipt:
    signed = row.signed
    return DeletionReceipt(signed.statement, signed.key_id, signed.signature)


ROUTES = [preview_deletion, list_receipts, list_receipt_keys]
