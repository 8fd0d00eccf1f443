"""TLSH as numbers that a database can compare. Pure.

A TLSH has a header and 128 buckets of 0 to 3. Two digests differ by the sum over their buckets, in which 0 and 3 differ by 6,
and by their headers. The buckets make 16 bands of 8. Two digests whose buckets differ by 31 at most have a band that
differs by 1 at most. So `probes`, all bands that near, find every such digest by an index.

Each length that is further away adds 12 to the distance. So the index has the bands apart by length, in steps of 8 lengths, and
files of quite other lengths are never looked at.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

BUCKETS: Final = 128
#: bytes of a band, of four buckets each
BAND: Final = 2
#: the distances that can be asked for: beyond the last one, the bands find too few
FURTHEST: Final = 63
#: the distance up to which at least 99 of 100 are found
USUAL: Final = 47
MOST_IN_BUCKET, BITS = 3, 2
#: a difference of lengths or quartiles that is no rounding weighs so much
FACTOR: Final = 12
LENGTHS, QUARTILES = 256, 16
#: the bits of a length that the index leaves out; the function `tlsh_keys` of the database does the same
STEP = 3


class Tlsh(msgspec.Struct, frozen=True):
    """`checksum`, `length` and `quartiles` are the header, `body` the 32 bytes of the buckets."""

    checksum: int
    length: int
    quartiles: int
    body: bytes

    @classmethod
    def read(cls, text: str) -> "Tlsh":
        """Read a digest such as "T1…", of 72 characters."""
        data = bytes.fromhex(text[2:])
        return cls(data[0], _swapped(data[1]), data[2], data[3:])

    @property
    def header(self) -> int:
        return self.checksum << 16 | self.length << 8 | self.quartiles

    @property
    def buckets(self) -> list[int]:
        return [byte >> place & MOST_IN_BUCKET for byte in self.body for place in (6, 4, 2, 0)]

    @property
    def bits(self) -> str:
        """For each bucket whether the bucket has 1 at least, then whether 2, then whether 3."""
        buckets = self.buckets
        return "".join(
            "1" if bucket >= least else "0" for least in range(1, MOST_IN_BUCKET + 1) for bucket in buckets
        )

    @property
    def bands(self) -> list[int]:
        return [place << 16 | value for place, value in enumerate(self._values())]

    def probes(self, furthest: int) -> list[list[int]]:
        """For each band the keys of all digests with a band that differs from the band by 1 at most.

        Only digests whose lengths alone are no further away than `furthest`. A key is a band with the length of the digest.
        """
        reach = max(1, furthest // FACTOR)
        near_lengths = range(self.length - reach, self.length + reach + 1)
        steps = sorted({length % LENGTHS >> STEP for length in near_lengths})
        return [
            [step << 20 | place << 16 | near for step in steps for near in (value, *_near(value))]
            for place, value in enumerate(self._values())
        ]

    def _values(self) -> list[int]:
        return [int.from_bytes(self.body[at : at + BAND]) for at in range(0, len(self.body), BAND)]

    def length_costs(self) -> list[int]:
        """What each length of another digest adds to the distance."""
        costs = []
        for length in range(LENGTHS):
            apart = _apart(self.length, length, LENGTHS)
            costs.append(apart if apart <= 1 else apart * FACTOR)
        return costs

    def quartile_costs(self) -> list[int]:
        """What each pair of quartiles of another digest adds to the distance."""
        return [
            _quartile_cost(self.quartiles & 15, pair & 15) + _quartile_cost(self.quartiles >> 4, pair >> 4)
            for pair in range(QUARTILES**2)
        ]


def _quartile_cost(one: int, other: int) -> int:
    apart = _apart(one, other, QUARTILES)
    return apart if apart <= 1 else (apart - 1) * FACTOR


def _near(value: int) -> Iterator[int]:
    """The bands that differ by 1 from a band."""
    for place in range(0, BAND * 8, BITS):
        bucket = value >> place & MOST_IN_BUCKET
        if bucket < MOST_IN_BUCKET:
            yield value + (1 << place)
        if bucket > 0:
            yield value - (1 << place)


def _apart(one: int, other: int, around: int) -> int:
    """The way between two numbers on a ring."""
    apart = abs(one - other)
    return min(apart, around - apart)


def _swapped(byte: int) -> int:
    return byte >> 4 | (byte & 15) << 4
