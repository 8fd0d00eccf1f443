"""The front of identification: asks a child, and turns whatever happens to it into an answer."""

from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from samplebank.identification.model import Identification
from samplebank.sandbox import Limits, Sandbox, SandboxError

MIB = 1024 * 1024
#: the model takes a second to load, and has not been seen to grow
CALLS = 2000
#: classification catches up when uploads leave the processor to it; it still gets a thirtieth beside them
NICENESS = 15


class Identifier:
    """`readable` narrows what the children may read; the folder of the samples must be among it."""

    def __init__(
        self,
        *,
        children: int = 1,
        deadline_seconds: float = 10.0,
        memory_bytes: int = 1536 * MIB,
        readable: tuple[Path, ...] | None = None,
    ) -> None:
        self._deadline_seconds = deadline_seconds
        limits = Limits(
            memory_bytes=memory_bytes,
            answer_bytes=MIB,
            calls_per_child=CALLS,
            niceness=NICENESS,
            readable=readable,
        )
        self._sandbox = Sandbox(
            "samplebank.identification.classifier:open_classifier", limits=limits, children=children
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def warm_up(self) -> None:
        """Start a child before the first file comes. Raises SandboxError when that is impossible."""
        await self._sandbox.warm_up()

    async def identify(self, path: Path) -> Identification:
        """Name the type of a file. What cannot be found out is "unknown", with the reason in the metadata."""
        try:
            answer = await self._sandbox.call(_absolute(path), self._deadline_seconds)
        except SandboxError as error:
            return Identification(meta_data={"failure": error.reason})
        return msgspec.json.decode(answer, type=Identification)

    async def close(self) -> None:
        await self._sandbox.close()


def _absolute(path: Path) -> bytes:
    """Name the file as the child, which lives in another folder, can open it."""
    return bytes(path.absolute())
