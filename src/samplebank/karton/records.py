"""What the bridge keeps in Redis for the next bridge: held tasks with their leases, and for each analysis what was told.

The keys stand beside those of Karton, in the same Redis: where Redis loses one, it loses both, and the analysis begins anew.
"""

import logging
from typing import Any, Final, TypeVar

import msgspec

from samplebank.karton.broker import Broker
from samplebank.karton.tasks import Task
from samplebank.logs import Faults
from samplebank.worker.assignment import Assignment

T = TypeVar("T")
faults = Faults(logging.getLogger("samplebank.karton"))

HELD: Final = "samplebank.karton.held"
TREE: Final = "samplebank.karton.tree:"
SUBMISSION: Final = "samplebank.karton.submission:"
PROBE: Final = "samplebank.karton.probe"
#: seconds for which an ended analysis is remembered, for tasks of its children that come late
REMEMBERED: Final = 7 * 24 * 3600
#: the names of the fields of an analysis
ABOUT, SENT, ENDING, ANALYSES = "about", "sent", "ending", "analyses"
REPORT, CHILD, RESTARTS, DROPPED = "report:", "child:", "restarts:", "restarted:"


class Told(msgspec.Struct, frozen=True):
    """All that is kept of an analysis, by field."""

    fields: dict[str, str]

    @property
    def is_sent(self) -> bool:
        return SENT in self.fields

    def under(self, prefix: str) -> dict[str, str]:
        """The fields with a prefix, without the prefix, in order."""
        return {
            name.removeprefix(prefix): value
            for name, value in sorted(self.fields.items())
            if name.startswith(prefix)
        }


class Records:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def check(self) -> None:
        """Raise `Away` where Redis takes no writes, such as with a full disk or memory, or as a copy of another Redis."""
        await self._broker.ask("SET", PROBE, "1", "EX", REMEMBERED)

    async def hold(self, assignment: Assignment, root: str | None) -> None:
        """Keep a claimed task, so that a bridge that starts anew goes on with the lease. Children have no `root`."""
        commands: list[tuple[str, ...]] = [
            ("HSET", HELD, assignment.task.id, msgspec.json.encode(assignment).decode())
        ]
        if root is not None:
            commands += [("HSET", TREE + root, ABOUT, assignment.task.id), ("PERSIST", TREE + root)]
        await self._broker.at_once(*commands)

    async def held(self) -> list[Assignment]:
        """All claimed tasks. What no bridge of this form has written is left out: the lease of the task runs out."""
        texts = (await self._broker.ask("HGETALL", HELD)).values()
        found = (_read(text, Assignment) for text in texts)
        return [assignment for assignment in found if assignment is not None]

    async def let_go(self, task_id: str) -> None:
        await self._broker.ask("HDEL", HELD, task_id)

    async def told(self, root: str) -> Told:
        return Told(await self._broker.ask("HGETALL", TREE + root))

    async def is_sent(self, root: str) -> bool:
        return bool(await self._broker.ask("HEXISTS", TREE + root, SENT))

    async def sent(self, root: str, first: Task, queue: str) -> None:
        """Hand the first task to the router."""
        await self._broker.at_once(
            ("RPUSH", queue, first.uid),
            ("HSET", TREE + root, SENT, "1"),
            ("HINCRBY", "karton.metrics.produced", "karton.samplebank", 1),
        )

    async def note(self, root: str, fields: dict[str, str], *more: tuple[Any, ...]) -> None:
        """Keep what was told, together with other commands."""
        flat = [part for pair in fields.items() for part in pair]
        commands = [("HSET", TREE + root, *flat)] if flat else []
        await self._broker.at_once(*commands, *more)

    async def once(self, root: str, field: str, value: str) -> str:
        """Keep a value, if the field has none. Answers the value that is kept."""
        await self._broker.ask("HSETNX", TREE + root, field, value)
        return str(await self._broker.ask("HGET", TREE + root, field))

    async def end(self, root: str, task_id: str) -> None:
        """Forget the task, and remember for a while what was told: the task may be claimed again."""
        await self._broker.at_once(("HDEL", HELD, task_id), ("EXPIRE", TREE + root, REMEMBERED))

    async def root_of(self, submission: str) -> str | None:
        """The analysis in which the child of a submission was found."""
        found = await self._broker.ask("GET", SUBMISSION + submission)
        return None if found is None else str(found)

    async def end_child(self, task_id: str, submission: str) -> None:
        """Forget the task of a child. Another job of the child is an analysis of its own."""
        await self._broker.at_once(("HDEL", HELD, task_id), ("DEL", SUBMISSION + submission))

    async def find_analyses(self, root: str) -> dict[str, list[str]] | None:
        """The analyses of an ended analysis, by SHA-256 of the sample; None while the analysis goes on."""
        found = await self._broker.ask("HGET", TREE + root, ANALYSES)
        return None if found is None else _read(found, dict[str, list[str]]) or {}

    async def exists(self, root: str) -> bool:
        return bool(await self._broker.ask("EXISTS", TREE + root))


def _read(text: str, form: type[T]) -> T | None:
    """Read a record. A record of another form, such as of a later release, is told and must not end the bridge."""
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.MsgspecError, UnicodeError) as error:
        faults.warn("karton.unreadable", reason=f"Redis holds a record that cannot be read: {error}")
        return None


def link_of_submission(submission: str, root: str) -> tuple[Any, ...]:
    """The command that remembers in which analysis the child of a submission was found."""
    return ("SET", SUBMISSION + submission, root, "EX", REMEMBERED)
