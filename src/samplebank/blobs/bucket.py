"""A bucket of an S3 server: objects by key. Errors of the client become refusals in words."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import Bytes
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from samplebank.blobs.away import away
from samplebank.blobs.place import Place
from samplebank.blobs.store import MISSING
from samplebank.blobs.writing import to_the_end, write_file
from samplebank.errors import NotFound, Unavailable
from samplebank.logs import Faults

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import S3Config

faults = Faults(logging.getLogger("samplebank.blobs"))
READ_PIECE = 256 * 1024
#: seconds for a request with little to send, and seconds without a byte of an answer
PATIENCE, SILENCE = 20.0, timedelta(seconds=15)
#: an S3 server says so of an object that is not there; a proxy or another server that finds nothing does not
NO_SUCH_KEY = "NoSuchKey"
#: a folder that a look at the bucket lists, for a short answer
PROBED = "samplebank-probe"
NO_BUCKET = "The bucket {} does not exist: make the bucket, or name another in SAMPLEBANK_BLOB_URL."
REFUSED = (
    "The S3 server refuses the access key for the bucket {}: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have to be a "
    "key that may read, write, list and delete."
)
SKEWED = (
    "The clock of this host differs from the clock of the S3 server with the bucket {}, which therefore refuses all "
    "requests: keep both clocks right by NTP."
)
EXPIRED = (
    "The temporary key for the bucket {} has expired: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN "
    "to the next key, and restart the service."
)
#: what the operator has to mend, by the server's words for a refused request
REFUSALS = {
    "NoSuchBucket": NO_BUCKET,
    "RequestTimeTooSkewed": SKEWED,
    "ExpiredToken": EXPIRED,
    "AccessDenied": REFUSED,
    "InvalidAccessKeyId": REFUSED,
    "SignatureDoesNotMatch": REFUSED,
    # the client's words for a refusal without words of the server
    "PermissionDenied": REFUSED,
    "Unauthenticated": REFUSED,
}


class Bucket:
    """The objects below a prefix. The client is made at the first use, because its threads do not survive a fork."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @cached_property
    def _store(self) -> S3Store:
        place = self.place
        session: S3Config = {} if place.session is None else {"session_token": place.session}
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=place.root.removesuffix(f"/{place.bucket}"),
            region=place.region,
            access_key_id=place.key,
            secret_access_key=place.secret,
            # The server compares the arrived bytes with the checksum.
            checksum_algorithm="sha256",
            client_options={
                "allow_http": True,
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": SILENCE,
                # a download may take as long as the reader takes
                "timeout": timedelta(days=1),
                "pool_idle_timeout": timedelta(seconds=30),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
            config=session,
        )

    async def put(self, key: str, content: bytes | bytearray) -> None:
        async with self._patient():
            await obstore.put_async(self._store, key, content, use_multipart=False)

    async def put_new(self, key: str, content: bytes) -> bool:
        """Write an object unless there is an object. Whether the object was written."""
        try:
            async with self._patient():
                await obstore.put_async(self._store, key, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    async def get(self, key: str) -> Bytes | None:
        """Read a small object; None where there is none."""
        try:
            async with self._patient():
                return await (await obstore.get_async(self._store, key)).bytes_async()
        except NotFound:
            return None

    async def read(self, key: str, start: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """Read an object piece by piece. Raises `NotFound`."""
        options: GetOptions = {"range": {"offset": start} if length is None else (start, start + length)}
        if not start and length is None:
            options = {}
        async with aclosing(self._pieces(await self._found(key, options))) as pieces:
            async for piece in pieces:
                yield piece

    async def save(self, key: str, path: Path) -> None:
        """Write an object to a new file. Raises `NotFound`."""
        found = await self._found(key, {})
        if found.meta["size"] > READ_PIECE:
            await write_file(path, self._pieces(found))
            return
        async with self._patient():
            content = await found.bytes_async()
        await to_the_end(path.write_bytes, content)

    async def _found(self, key: str, options: "GetOptions") -> "GetResult":
        async with self._patient():
            return await obstore.get_async(self._store, key, options=options)

    async def _pieces(self, found: "GetResult") -> AsyncGenerator[bytes, None]:
        async with self._told():
            async for piece in found.stream(min_chunk_size=READ_PIECE):
                yield bytes(piece)

    async def has(self, key: str) -> bool:
        async with self._patient():
            with suppress(FileNotFoundError):
                await obstore.head_async(self._store, key)
                return True
        # An answer without a body does not tell whether an S3 server gave the answer.
        try:
            await self._found(key, {})
        except NotFound:
            return False
        return True

    async def remove(self, key: str) -> None:
        try:
            async with self._patient():
                await obstore.delete_async(self._store, key)
        except NotFound:
            return

    async def keys(self, folder: str) -> AsyncIterator[tuple[str, float]]:
        """The keys below a folder, with the time of the last change of each object, in seconds."""
        async with self._told():
            async for some in obstore.list(self._store, prefix=folder, chunk_size=1000):
                for one in some:
                    yield one["path"], one["last_modified"].timestamp()

    async def check(self) -> None:
        """Raise `Unavailable` unless the server lists the bucket. A server that is no S3 server has no objects either."""
        async for _ in self.keys(PROBED):
            return

    @asynccontextmanager
    async def _patient(self) -> AsyncIterator[None]:
        async with self._told(), asyncio.timeout(PATIENCE):
            yield

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Tell errors of the client as refusals. The log gets the words of the client."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, TimeoutError, OSError) as error:
            words = f"{type(error).__name__}: {error}".replace(self.place.endpoint, self.place.server)
            if isinstance(error, FileNotFoundError) and NO_SUCH_KEY in words:
                raise NotFound(MISSING) from None
            note(words)
            raise refusal_in(words, self.place) or away(self.place, error) from None


def refusal_in(words: str, place: Place) -> Unavailable | None:
    """What the operator has to mend, by the words of a server or client. None where the words tell nothing of that kind."""
    said = next((said for code, said in REFUSALS.items() if code in words), None)
    return None if said is None else Unavailable(said.format(place.bucket))


def note(said: str) -> None:
    """Write the words of a client or server to the log, once a minute for each kind: every request meets a server that is away."""
    faults.warn("s3.failed", kind=said.partition(":")[0], error=said[:500])
