"""The front of identification: asks a child about a file, and turns the outcome into an Identification."""

import os
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from samplebank.identification.model import CLASSIFIER_VERSION, JSON, UNKNOWN, Identification
from samplebank.nesting import holds_nul
from samplebank.sandbox import Disturbed, Limits, Sandbox, SandboxError

MIB = 1024 * 1024
#: most bytes of an answer: an honest answer has some hundred bytes
ANSWER_BYTES = 64 * 1024
#: beside uploads, classification gets a thirtieth of the processor, and catches up when uploads pause
NICENESS = 15
UNREADABLE = "The answer of the classifier cannot be read."

Word = Annotated[str, Meta(min_length=1, max_length=100)]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An Identification as the child says. An attacker may have taken over the child."""

    super_type: Word = UNKNOWN
    type: Word = UNKNOWN
    arch: Word | None = None
    platform: Word | None = None
    meta_data: dict[str, JSON] = {}


class Identifier:
    """Asks sandbox children. A child reads its own code, the model, and the file in question."""

    def __init__(
        self,
        *,
        children: int = 1,
        deadline_seconds: float = 10.0,
        memory_bytes: int = 1536 * MIB,
        sandbox_required: bool = True,
        factory: str = "samplebank.identification.classifier:open_classifier",
        import_from: tuple[Path, ...] = (),
    ) -> None:
        self._deadline_seconds = deadline_seconds
        limits = Limits(
            memory_bytes=memory_bytes,
            answer_bytes=ANSWER_BYTES,
            niceness=NICENESS,
            required=sandbox_required,
        )
        self._sandbox = Sandbox(factory, limits=limits, children=children, import_from=import_from)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def warm_up(self) -> None:
        """Start a child before the first file comes. Raises SandboxError when no child can start."""
        await self._sandbox.warm_up()

    async def identify(self, path: Path) -> Identification:
        """Name the type of a file. An unidentified file is "unknown", with the reason in the metadata.

        Raises Disturbed where the file is not to blame. Another attempt may succeed.
        """
        own = Path(os.path.abspath(path))  # noqa: ASYNC240, PTH100 -- abspath leaves the disk alone; the child has another cwd
        try:
            answer = await self._sandbox.call(bytes(own), self._deadline_seconds, reads=(own,))
        except Disturbed:
            raise
        except SandboxError as error:
            return failed(error.reason)
        return _read(answer)

    async def close(self) -> None:
        await self._sandbox.close()


def failed(reason: str) -> Identification:
    return Identification(meta_data={"failure": reason})


def _read(answer: bytes) -> Identification:
    try:
        said = msgspec.json.decode(answer, type=Said)
    except (ValueError, RecursionError):
        return failed(UNREADABLE)
    if holds_nul(answer):  # PostgreSQL cannot store NUL
        return failed(UNREADABLE)
    return Identification(
        super_type=said.super_type,
        type=said.type,
        arch=said.arch,
        platform=said.platform,
        version=CLASSIFIER_VERSION,
        meta_data=said.meta_data,
    )
