"""The bytes of samples and evidence, by SHA-256. Bytes come before rows: a blob without a row is litter."""

from samplebank.blobs.disk import DiskStore
from samplebank.blobs.store import Area, Blobs, Digests, Staged, verified

__all__ = ["Area", "Blobs", "Digests", "DiskStore", "Staged", "verified"]
