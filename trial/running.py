"""Runs all built-in workers over files and over the files found inside, as the service would.

The children of a file are analysed in the same way. The worst child counts as an analysis of the parent.
"""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from samplebank.identification import Identification, Identifier
from samplebank.sandbox import Disturbed
from samplebank.verdicts.weighing import Finding, weigh
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.contract import NO_FINDINGS, Child, Rejected, Result, SampleFile
from samplebank.worker.sandboxed import SandboxedAnalyser
from trial.files import File

DEEPEST = 6
#: analysed children of a file, on all levels together
MOST_CHILDREN = 500
TRIES = 3
CHILDREN = "children"


class Looked(msgspec.Struct, frozen=True):
    """The outcome of one worker on a file. `failure` says why there is no result. `seconds` is the time of the call."""

    result: Result | None
    failure: str | None
    seconds: float


class Member(msgspec.Struct, frozen=True):
    """A file from inside another, stored or only listed. A file that stays closed has no digest, and is no member."""

    name: str
    sha256: str
    size: int


class Outcome(msgspec.Struct, frozen=True):
    """The outcomes of all workers on a file.

    `members` are the files that came out, on all levels. `parts` are the parts of the results on the file and on what came
    out that are not empty.
    """

    file: File
    file_type: str
    looked: Mapping[str, Looked]
    members: frozenset[Member]
    worst_child: int
    parts: frozenset[str]

    @property
    def scores(self) -> dict[str, int]:
        scores = {name: one.result.score for name, one in self.looked.items() if one.result is not None}
        return scores if self.worst_child == NO_FINDINGS else {**scores, CHILDREN: self.worst_child}

    @property
    def score(self) -> int:
        """The score of the verdict."""
        return _weighed(self.scores.values())


class _Inside:
    """The findings below one file: the digests, the files, and the parts of the results."""

    def __init__(self, sha256: str) -> None:
        self.seen = {sha256}
        self.members: set[Member] = set()
        self.parts: set[str] = set()

    def note(self, looked: Mapping[str, Looked]) -> None:
        for one in looked.values():
            if one.result is not None:
                self.members.update(_members(one.result))
                self.parts.update(part for part, value in one.result.result.items() if value)


def _members(result: Result) -> Iterator[Member]:
    for child in result.children:
        yield Member(child.name, hashlib.sha256(child.data).hexdigest(), len(child.data))
    for entry in result.result.get("listing", ()):
        if "sha256" in entry:
            yield Member(entry["path"], entry["sha256"], entry["size"])


class Workers:
    """The built-in workers, each with children."""

    def __init__(self, analysers: Mapping[str, SandboxedAnalyser], identifier: Identifier) -> None:
        self._analysers = analysers
        self._identifier = identifier

    @classmethod
    @asynccontextmanager
    async def open(cls, places: int, workers: Mapping[str, str] = BUILT_IN) -> AsyncIterator["Workers"]:
        """Open the workers for `places` files at a time."""
        async with AsyncExitStack() as stack:
            identifier = await stack.enter_async_context(Identifier(children=places, sandbox_required=False))
            analysers = {
                name: await stack.enter_async_context(
                    await SandboxedAnalyser.open(path, children=places, sandbox_required=False)
                )
                for name, path in workers.items()
            }
            yield cls(analysers, identifier)

    async def look_at(self, file: File, passwords: Sequence[str] = ()) -> Outcome:
        """Let all workers analyse a file and its children. The passwords come with the submission."""
        path = file.path.resolve()  # children work in another folder
        told = await self._identified(path)
        words = {"metaData": {"password": "\n".join(passwords)}} if passwords else {}
        looked = await self.analyse(_sample(path, file.sha256, file.size, words))
        inside, worst = _Inside(file.sha256), NO_FINDINGS
        inside.note(looked)
        for child in _children(looked):
            worst = max(worst, await self._look_at_child(child, inside, 1))
        kept = {name: _without_files(one) for name, one in looked.items()}
        return Outcome(
            file=file,
            file_type=told.type,
            looked=kept,
            members=frozenset(inside.members),
            worst_child=worst,
            parts=frozenset(inside.parts),
        )

    async def _identified(self, path: Path) -> Identification:
        for _ in range(TRIES):
            try:
                return await self._identifier.identify(path)
            except Disturbed:
                continue
        return Identification()

    async def _look_at_child(self, child: Child, inside: _Inside, depth: int) -> int:
        """The score of the verdict on a child. A child met before, or too deep, has no score."""
        digest = hashlib.sha256(child.data).hexdigest()
        if digest in inside.seen or depth > DEEPEST or len(inside.seen) > MOST_CHILDREN:
            return NO_FINDINGS
        inside.seen.add(digest)
        with tempfile.NamedTemporaryFile() as file:
            await asyncio.to_thread(_write, file, child.data)
            submission = {"metaData": {"password": child.password}} if child.password else {}
            looked = await self.analyse(_sample(Path(file.name), digest, len(child.data), submission))
        inside.note(looked)
        worst = NO_FINDINGS
        for below in _children(looked):
            worst = max(worst, await self._look_at_child(below, inside, depth + 1))
        scores = [one.result.score for one in looked.values() if one.result is not None]
        return _weighed([*scores, worst])

    async def analyse(self, sample: SampleFile) -> dict[str, Looked]:
        """Let all workers analyse a single file."""
        return {name: await _look(analyser, sample) for name, analyser in self._analysers.items()}


async def _look(analyser: SandboxedAnalyser, sample: SampleFile) -> Looked:
    failure = ""
    began = time.monotonic()
    for _ in range(TRIES):
        began = time.monotonic()
        try:
            return Looked(await analyser.analyse(sample), None, time.monotonic() - began)
        except Rejected as error:
            failure = error.reason
            break
        except Disturbed as error:
            failure = str(error)
    return Looked(None, failure, time.monotonic() - began)


def _without_files(looked: Looked) -> Looked:
    """Drop the bytes of evidence and children: all outcomes are kept until the end."""
    result = looked.result
    if result is None:
        return looked
    return msgspec.structs.replace(looked, result=msgspec.structs.replace(result, evidence=[], children=[]))


def _children(looked: Mapping[str, Looked]) -> list[Child]:
    return [child for one in looked.values() if one.result is not None for child in one.result.children]


def _sample(path: Path, sha256: str, size: int, submission: dict[str, Any]) -> SampleFile:
    return SampleFile(path=path, sha256=sha256, size=size, submission={"fileName": path.name, **submission})


def _write(file: Any, data: bytes) -> None:
    file.write(data)
    file.flush()
    Path(file.name).chmod(0o644)


def _weighed(scores: Iterable[int]) -> int:
    return weigh([Finding(UUID(int=place), score) for place, score in enumerate(scores)]).score
