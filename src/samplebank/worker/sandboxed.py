"""An analyser that runs in sandbox children, as the worker's loop sees it."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from samplebank.sandbox import Limits, NotStarted, Refused, Sandbox, SandboxError
from samplebank.worker.contract import Rejected, Result, SampleFile
from samplebank.worker.inside import (
    Analyse,
    Choice,
    Describe,
    Description,
    Finished,
    Rejection,
    decoded_reply,
    encoded,
)

FACTORY = "samplebank.worker.inside:open_analyser"
DESCRIBE_SECONDS = 30.0


class SandboxedAnalyser:
    def __init__(self, description: Description, sandbox: Sandbox) -> None:
        self.description = description
        self._sandbox = sandbox

    @classmethod
    async def open(
        cls,
        import_path: str,
        *,
        samples: Path,
        settings: Mapping[str, str] | None = None,
        children: int = 1,
        import_from: tuple[Path, ...] = (),
    ) -> Self:
        """Ask the analyser what it needs, and make a sandbox that gives it that; `samples` is the folder it may read."""
        argument = msgspec.json.encode(Choice(import_path, settings or {})).decode()
        async with Sandbox(FACTORY, argument, import_from=import_from) as first:
            description = decoded_reply(await first.call(encoded(Describe()), DESCRIBE_SECONDS))
        if not isinstance(description, Description):
            raise Refused(f"{import_path} does not describe itself.")
        limits = Limits(memory_bytes=description.memory_bytes, readable=(samples, *description.folders))
        sandbox = Sandbox(FACTORY, argument, limits=limits, children=children, import_from=import_from)
        return cls(description, sandbox)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sandbox.close()

    async def analyse(self, sample: SampleFile) -> Result:
        """Analyse, or raise Rejected when the file is to blame and NotStarted when it is not."""
        try:
            reply = decoded_reply(
                await self._sandbox.call(encoded(Analyse(sample)), self.description.seconds)
            )
        except NotStarted:
            raise
        except SandboxError as error:
            raise Rejected(error.reason) from error
        except msgspec.MsgspecError:
            raise Rejected("The analyser answered with something that is not a Result.") from None
        match reply:
            case Finished(result):
                return result
            case Rejection(reason):
                raise Rejected(reason)
            case Description():
                raise Rejected("The analyser answered out of turn.")
