"""What a backup says of itself, and the digests by which damage is found."""

import hashlib
from pathlib import Path
from uuid import UUID

import msgspec

from samplebank.errors import Damaged, Invalid
from samplebank.files import sync
from samplebank.timespec import Millis

MANIFEST = "manifest.json"
DUMP, BLOBS, MISSING, OTHERS = "database.dump", "blobs.list", "missing.list", "files"
#: the form of backups that this release makes, and the newest form that this release reads
FORMAT = 1
PIECE = 1024 * 1024
NEWER = "{} was made by a newer release ({}): restore with that release, or with a newer one."
DAMAGED = "{} is damaged: its file {} does not match the manifest. Restore another backup with --at."


class Summed(msgspec.Struct, frozen=True):
    """A file of a backup, as written."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup holds."""

    format: int
    release: str
    revision: str
    #: the identity of the blob store, which is that of the installation
    identity: UUID
    #: the time of the snapshot, by the clock of the database
    time: Millis
    #: the version of the server
    postgres: int
    dump: Summed
    #: the list of the stored bytes
    list: Summed
    #: how many stored files there are, and their bytes
    files: int
    bytes: int
    #: stored files that were missing or damaged in the installation, and so in the backup
    missing: int
    samples: int
    submissions: int
    jobs: int


def write(folder: Path, manifest: Manifest) -> None:
    path = folder / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    sync(path)


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup. Raises `Invalid` where a newer release has written the manifest, and `Damaged`."""
    try:
        content = (folder / MANIFEST).read_bytes()
        form = msgspec.json.decode(content)
        if form["format"] > FORMAT:
            raise Invalid(NEWER.format(folder, form.get("release")))
        return msgspec.json.decode(content, type=Manifest)
    except (OSError, msgspec.DecodeError, TypeError, KeyError, AttributeError):
        raise Damaged(DAMAGED.format(folder, MANIFEST)) from None


def summed(path: Path) -> Summed:
    with path.open("rb") as file:
        return Summed(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def check(folder: Path, name: str, told: Summed) -> None:
    """Raise `Damaged` unless the file of a backup is as written."""
    path = folder / name
    try:
        is_same = path.stat().st_size == told.size and summed(path) == told
    except OSError:
        is_same = False
    if not is_same:
        raise Damaged(DAMAGED.format(folder, name))
