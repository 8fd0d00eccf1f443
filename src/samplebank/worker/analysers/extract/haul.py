"""Collects what comes out of containers, within limits: children with their bytes, and a list of everything else."""

import hashlib
from typing import Protocol

import msgspec

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.analysers.extract.kinds import Kind, kind_of
from samplebank.worker.analysers.extract.passwords import MOST_GIVEN, words_beside
from samplebank.worker.contract import JSON, Child

MIB = 1024 * 1024
MOST_CHILD_BYTES = 128 * MIB
#: bytes of all children of one sample, and bytes unpacked in all: listed members are unpacked as well
MOST_KEPT_BYTES, MOST_READ_BYTES = 160 * MIB, 768 * MIB
MOST_CHILDREN, MOST_MEMBERS = 500, 2000
#: an unpacked size is suspicious above this factor, if the unpacked size is above `SMALL`
MOST_RATIO, SMALL = 1000, MIB
SECONDS = 45.0
CHUNK = 256 * 1024
LONGEST_PATH = 500

TOO_LARGE = "larger than 128 MiB"
BOMB = "unpacks to more than 1,000 times its size"
FULL = "over the limit of bytes"
MANY = "over the limit of files"
LATE = "over the limit of time"
ENCRYPTED = "encrypted, and no known password opens it"
DAMAGED = "damaged, or packed by an unknown method"
HUNGRY = "needs more memory to unpack than there is"
#: part of a message of 7-Zip
NO_MEMORY = "Not enough memory"
#: members too large for a sample whose first bytes are looked at, and the bytes that are read of each
MOST_LOOKS, LOOKED_AT = 3, 64 * MIB
#: what the padding of a program begins at
PAGE = 512
PADDED = "larger than a sample by padding. The sample is the first {} bytes, up to the padding."
SAME = "the same as another member"
HARMLESS = "neither acts nor holds more"


class Stopped(Exception):
    """A limit of the whole sample is reached, so no more members are read. The limit stands in the list of limits."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Found(msgspec.Struct, frozen=True):
    """A member that becomes a sample."""

    path: str
    data: bytes
    how: str
    kind: Kind
    password: str | None


class Haul:
    """Everything that comes out of one sample. `limits` names the limits that were reached."""

    def __init__(self, size: int, *, used: float = 0.0) -> None:
        self._size = size
        self._allowance = Allowance(SECONDS, used=used)
        self._found: list[Found] = []
        self._digests: set[bytes] = set()
        self._words: list[str] = []
        self._read = self._kept = self._looks = 0
        self.members = 0
        self.listing: list[dict[str, JSON]] = []
        self.limits: list[str] = []
        self.problems: list[str] = []
        self.is_encrypted = False
        self.password_used: str | None = None
        self.opened: list[str] = []

    def begin(self, path: str, size: int | None = None, packed: int | None = None) -> bool:
        """Count a member before its bytes are read. False where its announced size is over a limit: it is listed then.

        Raises `Stopped` when no more members may be read.
        """
        self.members += 1
        if self.members > MOST_MEMBERS:
            self._stop(MANY)
        self.go_on()
        if size is None:
            return True
        if size > MOST_CHILD_BYTES:
            self.pass_over(path, size, TOO_LARGE)
            return False
        if is_bomb(size, packed or self._size):
            self.note(BOMB)
            self.pass_over(path, size, BOMB)
            return False
        return True

    def go_on(self) -> None:
        """Raise `Stopped` when the time for the sample is over."""
        if self._allowance.is_over:
            self._stop(LATE)

    def take(
        self, path: str, data: bytes, how: str, *, password: str | None = None, acts: bool = False
    ) -> None:
        """Take the bytes of a member: as a child, or into the list. With `acts`, any content becomes a child."""
        self._read += len(data)
        self._words += words_beside(path, data)
        kind = kind_of(path, data)
        kind = Kind.SCRIPT if acts and kind is Kind.LISTED else kind
        if kind is Kind.LISTED:
            self.pass_over(path, len(data), HARMLESS, hashlib.sha256(data).hexdigest())
        else:
            self._keep(Found(path[-LONGEST_PATH:], data, how, kind, password))
        if self._read > MOST_READ_BYTES:
            self._stop(FULL)

    def _keep(self, found: Found) -> None:
        digest = hashlib.sha256(found.data).digest()
        if digest in self._digests:
            self.pass_over(found.path, len(found.data), SAME, digest.hex())
            return
        if self._kept + len(found.data) > MOST_KEPT_BYTES:
            self.note(FULL)
            self.pass_over(found.path, len(found.data), FULL, digest.hex())
            return
        self._digests.add(digest)
        self._kept += len(found.data)
        self._found.append(found)

    def read(self, stream: Readable, path: str, how: str, *, packed: int | None = None) -> None:
        """Take a member from a stream whose size is not known. A member over a limit is listed."""
        pieces: list[bytes] = []
        size = 0
        while piece := stream.read(CHUNK):
            size += len(piece)
            if size > MOST_CHILD_BYTES or is_bomb(size, packed or self._size):
                why = TOO_LARGE if size > MOST_CHILD_BYTES else BOMB
                self.note(why)
                self.pass_over(path, size, why)
                if why == TOO_LARGE and self.may_look():
                    self.take_padded(path, b"".join(pieces), how)
                return
            self.go_on()
            pieces.append(piece)
        self.take(path, b"".join(pieces), how)

    def may_look(self) -> bool:
        """Whether the first bytes of one more member may be read that is too large for a sample."""
        self._looks += 1
        return self._looks <= MOST_LOOKS

    def take_padded(self, path: str, beginning: bytes, how: str) -> None:
        """Take a member that is too large by padding alone: what stands before the padding becomes the sample.

        Padding makes a program too large for scanners. The program runs without the padding, too.
        """
        content = beginning.rstrip(beginning[-1:])
        if not content or 2 * len(content) > len(beginning):
            return
        content = beginning[: -(-len(content) // PAGE) * PAGE]
        self.problems.append(f"{path[-200:]}: {PADDED.format(len(content))}")
        self.take(path, content, how)

    def pass_over(self, path: str, size: int, why: str, sha256: str | None = None) -> None:
        """List a member that does not become a sample."""
        entry: dict[str, JSON] = {"path": path[-LONGEST_PATH:], "size": size, "why": why}
        self.listing.append(entry if sha256 is None else {**entry, "sha256": sha256})

    def lock(self, path: str, size: int) -> None:
        """List a member that no password opens."""
        self.is_encrypted = True
        self.pass_over(path, size, ENCRYPTED)

    def fail(self, path: str, size: int, error: Exception) -> None:
        """List a member that cannot be unpacked."""
        is_hungry = isinstance(error, MemoryError) or NO_MEMORY in str(error)
        self.damage(path, error)
        self.pass_over(path, size, HUNGRY if is_hungry else DAMAGED)

    def damage(self, path: str, error: Exception) -> None:
        """Tell what is wrong with a member."""
        self.problems.append(f"{path[-LONGEST_PATH:]}: {type(error).__name__}: {error}"[:300])

    def children(self) -> list[Child]:
        """The children: programs, scripts, documents, archives, mails and the rest, each by path. Lists those left over."""
        ordered = sorted(self._found, key=lambda found: (found.kind, found.path))
        for found in ordered[MOST_CHILDREN:]:
            self.note(MANY)
            self.pass_over(found.path, len(found.data), MANY, hashlib.sha256(found.data).hexdigest())
        words = "\n".join(dict.fromkeys(self._words[:MOST_GIVEN])) or None
        return [
            Child(name=found.path, data=found.data, how=found.how, password=found.password or words)
            for found in ordered[:MOST_CHILDREN]
        ]

    @property
    def is_empty(self) -> bool:
        return not self._found and not self.listing

    def note(self, limit: str) -> None:
        """Note a limit that was reached, once."""
        if limit not in self.limits:
            self.limits.append(limit)

    def _stop(self, limit: str) -> None:
        self.note(limit)
        raise Stopped


def is_bomb(size: int, packed: int) -> bool:
    return size > SMALL and size > MOST_RATIO * max(packed, 1)
