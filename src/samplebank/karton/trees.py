"""The analyses under way: each is a tree of tasks of Karton below one task of Samplebank."""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from samplebank.karton.findings import ChildFound
from samplebank.karton.records import CHILD, Told
from samplebank.karton.results import WORKER
from samplebank.karton.tasks import State, Task, root_of
from samplebank.worker.assignment import Assignment

#: crashes with these errors say nothing about the sample: Redis or the bucket was away for a moment
AWAY: Final = ("redis.exceptions.", "botocore.exceptions.", "urllib3.exceptions.", "ConnectionResetError")
#: such an error, where the object itself is missing or may not be read
FINAL: Final = ("NoSuchKey", "(404)", "(403)", "AccessDenied", "NoSuchBucket")


#: the metadata by which children are known
ROOT: Final = "extractionRoot"
PARENT: Final = "extractionParent"


class Look(msgspec.Struct, frozen=True):
    """One look at all tasks of a tree: the uids that are there, the tasks that are not over, and the crashed tasks."""

    uids: frozenset[str]
    open: tuple[Task, ...]
    crashed: tuple[Task, ...]


class Tree:
    """An analysis. `known` are the samples of Samplebank that came out of the analysis, `refused` those that were not stored."""

    def __init__(self, assignment: Assignment) -> None:
        self.root = root_of(assignment.task.id)
        self.assignment = assignment
        self.has_lease = True
        self.is_sent = False
        self.is_ending = False
        self.known = {self.sample}
        self.refused: set[str] = set()
        #: children that were stored, by parent and child
        self.found: dict[tuple[str, str], ChildFound] = {}
        #: tasks in the hand of the reporter whose parent has not been told yet
        self.parked: set[str] = set()
        #: no task is left that could tell of a parent
        self.is_stalled = False
        self.changed = asyncio.Event()
        self.look: Look | None = None
        #: tasks that are over for ever, and tasks that were given up by the healer
        self.finished: set[str] = set()
        self.given_up: set[str] = set()

    @property
    def sample(self) -> str:
        return self.assignment.sample.id

    @property
    def about(self) -> dict[str, str]:
        """The words that go along with each task, for people who look at Karton. The bridge does not read them back."""
        assignment = self.assignment
        return {
            "task": assignment.task.id,
            "job": assignment.job.id,
            "sample": self.sample,
            "customer": assignment.customer,
            "tlp": assignment.tlp,
        }

    def option(self, name: str) -> str | None:
        """An option of the policy."""
        return next((option.value for option in self.assignment.options if option.key == name), None)

    def recall(self, told: Told) -> None:
        """Take what an earlier bridge has kept of the analysis."""
        self.is_sent = told.is_sent
        self.known |= told.under(CHILD).keys()

    def learn(self, sha256: str) -> None:
        """A sample came out of the analysis. Tasks that wait for their parent look again."""
        self.known.add(sha256)
        self.signal()

    def stall(self) -> None:
        self.is_stalled = True
        self.signal()

    def signal(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def renew(self, assignment: Assignment) -> None:
        """Go on under another lease."""
        self.assignment = assignment
        self.has_lease = True
        self.signal()

    def begin_anew(self) -> None:
        """Go back to the time before the sample was sent. The service still has the samples that came out of the analysis.

        Children that are found again are noted again: Redis has lost the notes.
        """
        self.is_sent = self.is_stalled = False
        self.look = None
        for kept in (self.finished, self.given_up, self.found, self.refused):
            kept.clear()

    def is_over(self, task: Task) -> bool:
        """Whether a task has ended for good: a crash for want of Redis or of the bucket is repeated."""
        if task.state is State.CRASHED:
            return not is_passing(task.error) or task.uid in self.given_up
        return task.state is State.FINISHED


class Trees:
    """All analyses of the bridge, and the tasks of children that wait for the analysis in which they were found."""

    def __init__(self) -> None:
        self._of: dict[str, Tree] = {}
        self.children: dict[str, Assignment] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[Tree]:
        return iter(list(self._of.values()))

    def find(self, root: str) -> Tree | None:
        return self._of.get(root)

    def add(self, tree: Tree) -> None:
        self._of[tree.root] = tree

    def remove(self, tree: Tree) -> None:
        self._of.pop(tree.root, None)
        tree.signal()


def is_passing(error: str) -> bool:
    """Whether the last line of a trace tells of a server that was away."""
    return error.startswith(AWAY) and not any(word in error for word in FINAL)


def is_child(assignment: Assignment) -> bool:
    """Whether the sample looks like a find of Karton, which is not sent to Karton a second time.

    Users may write the same words into a submission. So the analysis has to know the submission, too.
    """
    submission = assignment.submission or {}
    agent, about = submission.get("userAgent") or {}, submission.get("metaData") or {}
    return agent.get("name") == WORKER and ROOT in about
