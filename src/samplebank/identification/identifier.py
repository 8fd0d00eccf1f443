"""The front of identification: asks children about files, and turns the outcome into Identifications.

Files whose bytes leave no doubt are told by a light child, without the model. Another child asks the model for the rest.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from samplebank.identification.model import CLASSIFIER_VERSION, JSON, UNKNOWN, Identification
from samplebank.nesting import holds_nul
from samplebank.sandbox import ChildKilled, Killed, Limits, NotStarted, Refused, SandboxError
from samplebank.sandbox.pool import Sandbox

MIB = 1024 * 1024
#: most bytes of an answer: an honest answer has some hundred bytes
ANSWER_BYTES = 64 * 1024
#: files that one process may be asked about: without the model, and with the model
MOST_FIRM, MOST_GUESSED = 64, 16
#: on top of the niceness of all children: beside uploads, the classification of a flood gets a thirtieth of the processor, and
#: catches up when uploads pause
OF_A_FLOOD = 10
#: the answer of the light child about a file that needs the model
NOTHING = b"null"
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
        firm: str = "samplebank.identification.firm_classifier:open_firm",
        import_from: tuple[Path, ...] = (),
    ) -> None:
        self._deadline_seconds = deadline_seconds

        def opened(name: str, most: int) -> Sandbox:
            limits = Limits(
                memory_bytes=memory_bytes,
                answer_bytes=most * ANSWER_BYTES,
                required=sandbox_required,
            )
            return Sandbox(name, limits=limits, children=children, import_from=import_from)

        self._firm = opened(firm, MOST_FIRM)
        self._model = opened(factory, MOST_GUESSED)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def warm_up(self) -> None:
        """Start a child with the model before the first file comes. Raises SandboxError when no child can start."""
        await self._model.warm_up()

    async def identify(self, path: Path) -> Identification:
        """Name the type of a file. An unidentified file is "unknown", with the reason in the metadata.

        Raises Disturbed where the file is not to blame. Another attempt may succeed.
        """
        (firm,) = await self.firm([path])
        if firm is not None:
            return firm
        (found,) = await self.guess([path])
        if isinstance(found, Killed):
            raise found
        return found

    async def firm(self, paths: Sequence[Path], *, is_flood: bool = False) -> list[Identification | None]:
        """Name the types that need no model; None for each other file. One process looks at all of these files.

        The files should be of one customer, as a file that took the process over could lie about the others. Files of a flood
        leave the processors to everybody else.
        Raises Disturbed where no file is to blame.
        """
        try:
            answers = await self._ask(self._firm, paths, is_flood=is_flood)
        except (ChildKilled, NotStarted):
            raise
        except SandboxError:
            if len(paths) == 1:
                return [None]
            return [(await self.firm([path], is_flood=is_flood))[0] for path in paths]
        read = [None if answer == NOTHING else _read(answer) for answer in answers]
        return [None if found is None or "failure" in found.meta_data else found for found in read]

    async def guess(self, paths: Sequence[Path], *, is_flood: bool = False) -> list[Identification | Killed]:
        """Name the types of files that leave a doubt, with the model. Otherwise as `firm`.

        `Killed` stands for a file whose process others ended: the file is perhaps not to blame.
        """
        try:
            return [_read(answer) for answer in await self._ask(self._model, paths, is_flood=is_flood)]
        except (ChildKilled, NotStarted):
            raise
        except SandboxError as error:
            if len(paths) == 1:
                return [error if isinstance(error, Killed) else failed(error.reason)]
            # one of the files is to blame
            return [(await self.guess([path], is_flood=is_flood))[0] for path in paths]

    async def _ask(self, sandbox: Sandbox, paths: Sequence[Path], *, is_flood: bool) -> list[bytes]:
        """Ask one process about files. Raises `SandboxError`."""
        # abspath leaves the disk alone; the child has another working directory
        own = [Path(os.path.abspath(path)) for path in paths]  # noqa: ASYNC240, PTH100
        request = b"\0".join(map(bytes, own))
        further = OF_A_FLOOD if is_flood else 0
        answer = await sandbox.call(
            request, self._deadline_seconds, reads=tuple(own), further_niceness=further
        )
        answers = answer.split(b"\n")
        if len(answers) != len(paths):
            raise Refused(UNREADABLE)
        return answers

    async def close(self) -> None:
        await self._firm.close()
        await self._model.close()


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
