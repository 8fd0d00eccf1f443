"""The blob store that the settings name: a folder, or a bucket."""

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from samplebank.blobs import Area, DiskStore, Place, Store
from samplebank.blobs.store import Tokens
from samplebank.database.sockets import url_of
from samplebank.errors import Invalid
from samplebank.files import refuse_shared
from samplebank.settings import Settings
from samplebank.urls import origin_of

if TYPE_CHECKING:
    from samplebank.blobs.objects import ObjectStore


class NoTokens:
    """For what looks at a store without its rows: finds no bytes."""

    async def find(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, bytes]:  # noqa: ARG002 as `Tokens` has it
        return {}


NO_TOKENS = NoTokens()
SCHEME = "s3://"
#: loaded only for a bucket, because the clients of a bucket take a tenth of a second of each process
OBJECTS: Final = "samplebank.blobs.objects"
REGION = "us-east-1"
MISSING = "SAMPLEBANK_BLOB_URL names a bucket, so AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have to be set."
NO_ADDRESS = "AWS_ENDPOINT_URL is {}, but must be an address such as https://s3.example.org."
UNPRINTABLE = (
    "{} holds a line break or another character that cannot be printed: write its value in one line."
)
#: what the address of a server has not, and the login that an address may hold
NOT_IN_ADDRESS, LOGIN = re.compile(r"[\s?#]"), re.compile(r"(?<=://).*(?=@)")


def blob_store(settings: Settings, tokens: Tokens, database_url: str | None = None) -> Store:
    """The blob store of a service, with its folders; beside the database at this URL. Raises `Invalid`."""
    return store_at(settings, settings.blob_url, tokens, _disk_of_database(settings, database_url))


def store_at(
    settings: Settings,
    url: str | None,
    tokens: Tokens,
    others: Mapping[str, Path] | None = None,
    *,
    is_made: bool = False,
) -> Store:
    """The blob store at this address; without an address, the folder in the data folder.

    A folder that `is_made` is left as it is. Any other gets its folders.
    """
    if url is not None and url.startswith(SCHEME):
        spool = settings.folder / "spool"
        opened: type[ObjectStore] = import_module(OBJECTS).ObjectStore
        store: Store = opened(
            place_of(url, os.environ), tokens, spool, reserve=settings.disk_reserve, others=others
        )
        what = f"The folder {spool} for uploads on their way"
    else:
        folder = settings.folder / "blobs" if url is None else Path(url.removeprefix("file://"))
        refuse_shared(folder)
        store = DiskStore(folder, reserve=settings.disk_reserve, others=others)
        what = f"The blob folder {folder}"
    try:
        if not (is_made and isinstance(store, DiskStore)):
            store.prepare()
    except OSError as error:
        raise Invalid(f"{what} cannot be written: {error.strerror}.") from error
    return store


def place_of(url: str, environment: Mapping[str, str]) -> Place:
    """The bucket at this address, reached as the usual variables tell. Raises `Invalid` where variables are missing."""
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    key, secret = (_read(environment, name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if not key or not secret:
        raise Invalid(MISSING)
    region = _read(environment, "AWS_REGION", "AWS_DEFAULT_REGION") or REGION
    own = _read(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint = own or f"https://s3.{region}.amazonaws.com"
    if origin_of(endpoint) is None or NOT_IN_ADDRESS.search(endpoint):
        raise Invalid(NO_ADDRESS.format(LOGIN.sub("…", repr(endpoint))))
    session = _read(environment, "AWS_SESSION_TOKEN") or None
    return Place(bucket, prefix.strip("/"), endpoint.rstrip("/"), region, key, secret, session)


def _read(environment: Mapping[str, str], *names: str) -> str:
    """The first of the variables that has a value, without the line break with which a secret from a file may end."""
    for name in names:
        if value := environment.get(name, "").strip():
            if not value.isprintable():
                raise Invalid(UNPRINTABLE.format(name))
            return value
    return ""


@asynccontextmanager
async def closing_store(store: Store) -> AsyncIterator[Store]:
    """A store whose connections end with the block."""
    try:
        yield store
    finally:
        await store.close()


def database_folder(settings: Settings) -> Path:
    """Where the embedded database is, if there is one."""
    return settings.folder / "postgres"


def _disk_of_database(settings: Settings, url: str | None) -> dict[str, Path]:
    """Rows fill the disk of an embedded database, too; of another one, its operator has to know."""
    folder = database_folder(settings)
    return {"database": folder / "data"} if url == url_of(folder) else {}
