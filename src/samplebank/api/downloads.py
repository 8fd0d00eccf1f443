"""Downloads: the bytes of samples, raw or in an encrypted archive. The bytes are hostile, and sent only to be saved."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.api.archive import archive_length, archived
from samplebank.api.call import Call
from samplebank.api.envelope import ACTION_ERROR, ResultMessage, failure
from samplebank.audit.model import Kind
from samplebank.blobs import Area, verified
from samplebank.http.operation import NOT_MODIFIED, V2, operation
from samplebank.http.shapes import NoQuery
from samplebank.http.streaming import PART, Pieces, Streamed

BINARY = "application/octet-stream"
ZIP = "application/zip"
#: the bounds of a single range; any other text is no range, and is answered by all bytes
RANGE = re.compile(r"bytes=(?P<first>\d{0,19})-(?P<last>\d{0,19})")
#: an ETag in a list of ETags, without the mark of a weak one
ETAG = re.compile(r'"[^"]*"')
#: headers for bytes that somebody may have made to attack the programs that show them
HOSTILE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # a browser would keep the bytes on the disk of whoever looked, where scanners find the bytes years later
    "Cache-Control": "no-store, no-transform",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Part(msgspec.Struct, frozen=True):
    """A range of the bytes: `length` bytes from `start` on."""

    start: int
    length: int


@get(
    f"{V2}/sample/{{sha256:str}}/raw",
    opt=operation(
        "downloadRawSample",
        Permission.DOWNLOAD_RAW,
        Permission.DOWNLOAD_UNRESTRICTED,
        query=NoQuery,
        media_type=BINARY,
        also={206: None, NOT_MODIFIED: None},
        by_claims=True,
        act=Kind.DOWNLOAD,
    ),
)
async def download_raw(request: Call) -> Response[bytes] | Streamed:
    """Send the bytes as uploaded, or the single range of bytes that the request asks for.

    A caller who has the bytes gets 304 and no bytes.
    """
    sample = await request.visible_sample(
        Permission.DOWNLOAD_RAW, Permission.DOWNLOAD_UNRESTRICTED, Permission.WORK_ON_CLAIMS
    )
    request.read_query(NoQuery)
    name = sample.sha256.hex()
    etag = f'"{name}"'
    if has_already(request, etag):
        return Response(b"", status_code=NOT_MODIFIED, headers={**HOSTILE, "ETag": etag})
    part = read_range(request, sample.size, etag)
    if part is not None and part.length <= 0:
        said = f"The sample has {sample.size} bytes; the range asked for is outside of them."
        headers = {"Content-Range": f"bytes */{sample.size}"}
        return failure(416, [ResultMessage(message=said, type=ACTION_ERROR, message_template=said)], headers)
    start, length = (0, sample.size) if part is None else (part.start, part.length)
    headers = {"Accept-Ranges": "bytes", "ETag": etag}
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{sample.size}"
    bytes_ = request.bank.blobs.read(Area.SAMPLE, sample.sha256, start, length)
    await request.record_download(sample.sha256, bytes=length)
    pieces = await request.opened(verified(bytes_, sample.sha256) if part is None else bytes_)
    return attachment(pieces, name, length, BINARY, status=200 if part is None else 206, headers=headers)


@get(
    f"{V2}/sample/{{sha256:str}}/safe",
    opt=operation(
        "downloadSafeSample",
        Permission.DOWNLOAD,
        Permission.DOWNLOAD_UNRESTRICTED,
        query=NoQuery,
        media_type=ZIP,
        act=Kind.DOWNLOAD,
    ),
)
async def download_safe(request: Call) -> Streamed:
    """Send the bytes in an archive that opens with the password `infected`."""
    sample = await request.visible_sample(Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED)
    request.read_query(NoQuery)
    await request.record_download(sample.sha256, bytes=sample.size)
    pieces = await request.opened(archived(request.bank.blobs, sample))
    return attachment(pieces, f"{sample.sha256.hex()}.zip", archive_length(sample), ZIP)


def has_already(request: Call, etag: str) -> bool:
    """Whether the caller says to have the bytes (RFC 9110, 13.1.2)."""
    told = (request.header(b"if-none-match") or "").strip()
    return told == "*" or etag in ETAG.findall(told)


def read_range(request: Call, size: int, etag: str) -> Part | None:
    """Read the range that the request asks for (RFC 9110, 14): empty when outside of the bytes, None for all bytes."""
    asked = RANGE.fullmatch((request.header(b"range") or "").strip())
    if asked is None or (request.header(b"if-range") or etag) != etag:
        return None
    first, last = asked["first"], asked["last"]
    if first:
        end = min(int(last), size - 1) if last else size - 1
        is_backwards = last and int(last) < int(first)
        return None if is_backwards else Part(int(first), end - int(first) + 1)
    if last:
        length = min(int(last), size)
        return Part(size - length, length)
    return None


def attachment(
    pieces: Pieces,
    name: str,
    length: int | None,
    media_type: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    part: int = PART,
) -> Streamed:
    """Answer bytes that are to be saved as a file, never shown. The length may be unknown."""
    about = {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if length is not None:
        about["Content-Length"] = str(length)
    return Streamed(
        pieces, status=status, media_type=media_type, headers={**HOSTILE, **about, **headers}, part=part
    )


ROUTES = [download_raw, download_safe]
