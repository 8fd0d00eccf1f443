"""The bytes of samples and evidence, by SHA-256. Bytes come before rows: a blob without a row is litter."""

from samplebank.blobs.disk import DiskStore
from samplebank.blobs.place import Place
from samplebank.blobs.store import (
    MISSING,
    PARTS,
    Address,
    Area,
    Blob,
    Blobs,
    Digests,
    HeldBack,
    Staged,
    Store,
    stage_verified,
    verified,
)

__all__ = [
    "MISSING",
    "PARTS",
    "Address",
    "Area",
    "Blob",
    "Blobs",
    "Digests",
    "DiskStore",
    "HeldBack",
    "Place",
    "Staged",
    "Store",
    "stage_verified",
    "verified",
]
