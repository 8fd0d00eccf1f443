"""A signed PUT of a large file: one request, with the known SHA-256, which the server compares with what arrives."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from samplebank.blobs.place import Place

ALGORITHM = "AWS4-HMAC-SHA256"


def signed_put(
    place: Place, key: str, sha256: bytes, now: datetime | None = None
) -> tuple[str, dict[str, str]]:
    """The address and the headers of a request that writes an object with this digest."""
    url = f"{place.root}/{quote(place.path(key), safe='/')}"
    parts = urlsplit(url)
    time = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": parts.netloc,
        "x-amz-checksum-sha256": base64.b64encode(sha256).decode(),
        "x-amz-content-sha256": sha256.hex(),
        "x-amz-date": time,
    }
    if place.session is not None:
        headers["x-amz-security-token"] = place.session
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"PUT\n{parts.path}\n\n{lines}\n{names}\n{sha256.hex()}"
    scope = f"{time[:8]}/{place.region}/s3/aws4_request"
    told = "\n".join((ALGORITHM, time, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_signing_key(place, time[:8]), told.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={place.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return url, headers


def _signing_key(place: Place, day: str) -> bytes:
    key = f"AWS4{place.secret}".encode()
    for part in (day, place.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
