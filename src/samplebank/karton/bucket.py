"""The bucket in which Karton keeps the bytes of its tasks."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from samplebank.karton.config import Config
from samplebank.karton.errors import Away, Misreported, MissingBytes
from samplebank.karton.tasks import Resource
from samplebank.worker.assignment import StoredObject

#: seconds for a request
PATIENCE = timedelta(seconds=30)
#: an S3 server says so of an object that is not there; a proxy or another server that finds nothing does not
NO_SUCH_KEY = "NoSuchKey"


class Bucket:
    """Bytes by name. Errors of the client become sentences."""

    def __init__(self, config: Config) -> None:
        self.name = config.bucket
        #: the bucket of Samplebank, where services may read that bucket
        self.samples = config.samples
        self._place = config.s3_address
        self._store = self._open(config, config.bucket)
        self._of_samples = None if config.samples is None else self._open(config, config.samples)

    @staticmethod
    def _open(config: Config, name: str) -> S3Store:
        return S3Store(
            name,
            endpoint=config.s3_address,
            access_key_id=config.s3_access_key,
            secret_access_key=config.s3_secret_key,
            region="us-east-1",
            client_options={"allow_http": True, "timeout": PATIENCE},
            retry_config={"max_retries": 0},
        )

    async def put(self, uid: str, path: Path) -> None:
        """Keep a file under a name. Raises `Away`."""
        try:
            await obstore.put_async(self._store, uid, path, use_multipart=True)
        except (BaseError, OSError) as error:
            raise self._away(error) from None

    async def get(self, resource: Resource, most: int) -> bytes:
        """The bytes of a resource. Raises `Away`, `MissingBytes`, and `Misreported` for another bucket or too many bytes."""
        self.check(resource)
        try:
            answer = await obstore.get_async(self._store, resource.uid)
            if answer.meta["size"] > most:
                raise Misreported(
                    f"{resource.name!r} has {answer.meta['size']} bytes; the service takes {most} at most."
                )
            return bytes(await answer.bytes_async())
        except (BaseError, OSError, ValueError) as error:
            if not _is_missing(error):
                raise self._away(error) from None
            raise MissingBytes(
                f"The bucket {self.name} of Karton lacks the bytes of {resource.name!r}."
            ) from None

    async def has(self, resource: Resource) -> bool:
        """Whether the bytes are there. Bytes of another bucket are believed to be there. Raises `Away`."""
        if resource.bucket not in {None, self.name}:
            return True
        try:
            with suppress(FileNotFoundError):
                await obstore.head_async(self._store, resource.uid)
                return True
            # An answer without a body does not tell whether an S3 server gave the answer.
            await obstore.get_async(self._store, resource.uid)
        except (BaseError, OSError, ValueError) as error:
            if not _is_missing(error):
                raise self._away(error) from None
            return False
        return True

    async def shared(self, place: StoredObject | None, size: int) -> StoredObject | None:
        """The object of a sample where the key of Karton reads the object, else None. Raises `Away`."""
        if self._of_samples is None or place is None or place.bucket != self.samples:
            return None
        try:
            found = await obstore.head_async(self._of_samples, place.key)
        except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
            return None
        except (BaseError, OSError) as error:
            raise self._away(error) from None
        return place if found["size"] == size else None

    def check(self, resource: Resource) -> None:
        """Refuse a resource of another bucket: the key of the bridge may open buckets that the service must not."""
        if resource.bucket not in {None, self.name}:
            raise Misreported(
                f"{resource.name!r} lies in the bucket {resource.bucket!r}; the bridge reads {self.name!r} alone."
            )

    def _away(self, error: Exception) -> Away:
        words = " ".join(str(error).split())[:200]
        return Away(f"The bucket {self.name} of Karton at {self._place} does not answer: {words}.")


def _is_missing(error: Exception) -> bool:
    """Whether there is no such object, or no object can have the name."""
    return isinstance(error, ValueError) or NO_SUCH_KEY in str(error)
