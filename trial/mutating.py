"""Copies of files with changed bytes, cut ends, doubled parts and holes: each worker has to answer each copy."""

import asyncio
import hashlib
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from samplebank.worker.contract import SampleFile
from trial.files import File
from trial.running import Workers

MIB = 1024 * 1024
#: larger files are not mutated; changes of one copy; the chance that a copy loses its end
MOST_BYTES, MOST_CHANGES, CUT = MIB, 12, 0.1
EXTREMES = (b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\x80")


class Mutations(msgspec.Struct, frozen=True):
    """How many copies were tried, and why workers gave no result, by worker and reason."""

    tried: int
    unanswered: dict[tuple[str, str], int]


def mutated(content: bytes, seed: int) -> bytes:
    """A copy, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 the same copy in each trial
    copy = bytearray(content)
    for _ in range(chance.randrange(1, MOST_CHANGES)):
        if not copy:
            break
        place = chance.randrange(len(copy))
        match chance.randrange(5):
            case 0:
                copy[place] = chance.randrange(256)
            case 1:
                copy[place : place + 4] = chance.choice(EXTREMES)
            case 2:
                del copy[place : place + chance.randrange(1, 200)]
            case 3:
                copy[place:place] = copy[place : place + chance.randrange(1, 2000)]
            case _:
                copy[place : place + 64] = chance.randbytes(64)
    if chance.random() < CUT and copy:
        del copy[chance.randrange(len(copy)) :]
    return bytes(copy)


async def try_mutated(workers: Workers, files: Sequence[File], number: int, places: int) -> Mutations:
    """Let all workers analyse copies of the files, the kinds in turn, the same copies in each trial."""
    kinds: dict[str, list[File]] = {}
    for file in files:
        if file.size <= MOST_BYTES:
            kinds.setdefault(file.kind, []).append(file)
    chance = random.Random(7)  # noqa: S311 the same files in each trial
    turns = sorted(kinds)
    waiting = enumerate([chance.choice(kinds[turns[turn % len(turns)]]) for turn in range(number)])
    unanswered = Counter[tuple[str, str]]()

    async def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sample")
            Path(folder).chmod(0o755)  # noqa: ASYNC240 a folder of our own, which the sandbox reads
            for seed, file in waiting:
                content = await asyncio.to_thread(file.path.read_bytes)
                copy = mutated(content, seed)
                await asyncio.to_thread(path.write_bytes, copy)
                digest = hashlib.sha256(copy).hexdigest()
                looked = await workers.analyse(SampleFile(path=path, sha256=digest, size=len(copy)))
                for name, one in looked.items():
                    if one.failure is not None and copy:
                        unanswered[name, one.failure] += 1

    await asyncio.gather(*(work() for _ in range(places)))
    return Mutations(number, dict(unanswered))
