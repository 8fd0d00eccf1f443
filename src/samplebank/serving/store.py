"""Tells the blob store of a database from an empty folder in the place of the store, when the service starts."""

from samplebank.blobs import DiskStore
from samplebank.blobs.mark import NAME
from samplebank.database import open_database
from samplebank.errors import Invalid
from samplebank.samples.catalogue import is_any_stored

REFUSED = (
    "The blob folder {folder} is empty, but the database knows samples: mount the disk of the blobs, or name their folder "
    "in SAMPLEBANK_BLOB_URL. If all bytes are lost, make an empty file {name} in the blob folder."
)


async def mark_store(store: DiskStore, database_url: str) -> None:
    """Mark the blob store at its first start. Raises `Invalid` when the store of this database must be elsewhere."""
    if store.mark.is_there():
        return
    if store.is_empty() and await _knows_samples(database_url):
        raise Invalid(REFUSED.format(folder=store.folder, name=NAME))
    store.mark.make()


async def _knows_samples(url: str) -> bool:
    async with open_database(url, most=1) as database, database.connection() as db:
        return await is_any_stored(db)
