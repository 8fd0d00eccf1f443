"""The bytes of samples and evidence, by SHA-256. Bytes come before rows: a blob without a row is litter."""

from samplebank.blobs.bucket import Place
from samplebank.blobs.disk import DiskStore
from samplebank.blobs.objects import ObjectStore
from samplebank.blobs.store import Area, Blob, Blobs, Digests, Staged, verified

__all__ = ["Area", "Blob", "Blobs", "Digests", "DiskStore", "ObjectStore", "Place", "Staged", "verified"]
