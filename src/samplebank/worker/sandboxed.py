"""An analyser that runs in sandbox children, as the worker's loop sees it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from samplebank.logs import Faults
from samplebank.sandbox import Disturbed, Limits, NotStarted, Refused, SandboxError
from samplebank.sandbox.limits import NICENESS
from samplebank.sandbox.pool import Sandbox
from samplebank.worker.contract import Rejected, Result, SampleFile
from samplebank.worker.inside import (
    Analyse,
    Check,
    Choice,
    Describe,
    Description,
    Finished,
    Outdated,
    Problems,
    Rejection,
    Reply,
    decoded_reply,
    encoded,
)

FACTORY = "samplebank.worker.inside:OpenedAnalyser"
DESCRIBE_SECONDS = 30.0
#: lines of the log for the problems of one answer
MOST_PROBLEMS = 50

log = logging.getLogger("samplebank.worker")
faults = Faults(log)


class Failed(Rejected):
    """There is no analysis. `trace` and `printed` tell the author of the analyser more."""

    def __init__(self, reason: str, *, trace: str = "", printed: str = "") -> None:
        super().__init__(reason)
        self.trace = trace
        self.printed = printed


class SandboxedAnalyser:
    def __init__(self, description: Description, sandbox: Sandbox) -> None:
        self.description = description
        self._sandbox = sandbox
        self._problems: frozenset[str] = frozenset()

    @classmethod
    async def open(
        cls,
        import_path: str,
        *,
        settings: Mapping[str, str] | None = None,
        children: int = 1,
        import_from: tuple[Path, ...] = (),
        niceness: int = NICENESS,
        sandbox_required: bool = True,
    ) -> Self:
        """Ask the analyser for its needs, and make a sandbox that provides memory and folders accordingly.

        An analyser without special needs stays in the sandbox that was asked, because a start takes long.
        """
        argument = msgspec.json.encode(Choice(import_path, settings or {})).decode()

        def sandbox_of(limits: Limits) -> Sandbox:
            return Sandbox(FACTORY, argument, limits=limits, children=children, import_from=import_from)

        asking = Limits(niceness=niceness, required=sandbox_required)
        first = sandbox_of(asking)
        try:
            description = await _described(first, import_path)
        except BaseException:
            await first.close()
            raise
        limits = msgspec.structs.replace(
            asking,
            memory_bytes=description.memory_bytes,
            answer_bytes=description.answer_bytes,
            readable=description.folders,
        )
        if limits == asking:
            return cls(description, first)
        await first.close()
        return cls(description, sandbox_of(limits))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sandbox.close()

    async def check(self) -> None:
        """Log problems with the files that the analyser reads. Each problem is logged once, and again when it comes back."""
        try:
            reply = await self._asked(Check())
        except SandboxError as error:
            name = self.description.short_name
            faults.warn("worker.unchecked", kind=name, worker=name, reason=error)
        else:
            if isinstance(reply, Problems):
                self._tell(reply.problems)

    async def analyse(self, sample: SampleFile) -> Result:
        """Analyse the sample. Raises `Rejected` when the file is to blame, and `Disturbed` when not."""
        return (await self.analyse_aloud(sample)).result

    async def analyse_aloud(self, sample: SampleFile) -> Finished:
        """As `analyse`, with what the analyser printed."""
        try:
            reply = await self._asked(Analyse(sample), reads=(sample.path,))
        except Disturbed:
            raise
        except SandboxError as error:
            raise Failed(error.reason, printed=error.last_words) from error
        except msgspec.MsgspecError:
            raise Failed("The analyser answered with something that is not a Result.") from None
        match reply:
            case Finished(problems=problems):
                self._tell(problems)
                return reply
            case Rejection(reason, trace, printed, problems):
                self._tell(problems)
                raise Failed(reason, trace=trace, printed=printed)
            case _:
                raise Failed("The analyser answered out of turn.")

    async def _asked(self, question: Analyse | Check, reads: tuple[Path, ...] = ()) -> Reply:
        """Ask a child. When a folder of the analyser was replaced, a new child is asked. Raises `NotStarted`."""
        for _ in range(2):
            message = await self._sandbox.call(encoded(question), self.description.seconds, reads=reads)
            reply = decoded_reply(message)
            if not isinstance(reply, Outdated):
                return reply
            await self._sandbox.renew()
        raise NotStarted("A folder that the analyser reads is missing, or has just been replaced.")

    def _tell(self, problems: tuple[str, ...]) -> None:
        now = frozenset(problems)
        for problem in sorted(now - self._problems)[:MOST_PROBLEMS]:
            log.warning(
                "worker.problem", extra={"fields": {"worker": self.description.short_name, "reason": problem}}
            )
        self._problems = now


async def _described(sandbox: Sandbox, import_path: str) -> Description:
    """What the analyser in the sandbox says of itself. Raises `SandboxError`."""
    description = decoded_reply(await sandbox.call(encoded(Describe()), DESCRIBE_SECONDS))
    match description:
        case Description():
            return description
        case Rejection(reason):
            raise Refused(f"{import_path} cannot be used. {reason}")
        case _:
            raise Refused(f"{import_path} does not describe itself.")
