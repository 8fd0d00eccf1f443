"""Classifies new samples, in child processes, on every host. A crash or a hang costs only the child.

Three kinds of rounds run side by side. What somebody waits for is classified at once. Of the other samples, first those
are told whose bytes leave no doubt. The model is asked for the rest.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import asyncpg

from samplebank.assembly import Bank
from samplebank.blobs import MISSING, Area
from samplebank.database import Connection
from samplebank.database.failures import TROUBLE
from samplebank.database.signals import Signal
from samplebank.errors import Unavailable
from samplebank.identification import MOST_FIRM, MOST_GUESSED, Identification, Identifier, failed
from samplebank.logs import Faults
from samplebank.maintenance.courtesy import Courtesy
from samplebank.maintenance.late_types import add_late_workers
from samplebank.samples import classification_queue as queue
from samplebank.samples.classification_queue import Lease, Waiting
from samplebank.samples.model import Classification
from samplebank.sandbox import ChildKilled, Killed, NotStarted
from samplebank.timespec import Millis

log = logging.getLogger("samplebank.maintenance")
faults = Faults(log)
#: milliseconds until others may take samples from a classifier that has gone, and seconds between two extensions
LEASE: Millis = 30_000
EXTENSION = 10.0
#: samples that a round classifies without a rest, and with the usual priority of children
HANDFUL = 50
#: rounds in which the identification of a sample may be disturbed, before the sample itself is taken for the reason
MOST_DISTURBED = 4

T = TypeVar("T")
Found = list[tuple[Waiting, Identification]]
#: names the types of files
Tell = Callable[[Sequence[Path]], Awaitable[Sequence[T]]]


class TellAndStore(Protocol):
    """Tells and stores types. Answers which samples are put off."""

    async def __call__(self, bank: Bank, taken: Sequence[Waiting], /, *, is_flood: bool) -> list[int]: ...


class Told(NamedTuple, Generic[T]):
    """What a child told of samples: of those without bytes, of the others, and which samples are put off."""

    missing: Found
    answers: list[tuple[Waiting, T]]
    later: list[int]


class Classifying:
    """Takes samples from the queue, and remembers the samples whose identification was disturbed by others."""

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._disturbed: Counter[int] = Counter()
        self._held: set[int] = set()

    async def classify_urgent(self, bank: Bank) -> None:
        """Classify the samples that somebody waits for, without a rest."""

        async def tell(bank: Bank, taken: Sequence[Waiting], *, is_flood: bool) -> list[int]:
            doubtful, later = await self._tell_firm(bank, taken, is_flood=is_flood)
            return later + await self._guess(bank, doubtful, is_flood=is_flood)

        await self._round(bank, queue.take_urgent, tell, MOST_GUESSED, None)

    async def classify_new(self, bank: Bank) -> None:
        """Classify every new sample whose bytes leave no doubt, and leave the others to the model.

        Few samples are classified without a rest, a flood with rests while others want the processors, and with a low priority.
        """

        async def tell(bank: Bank, taken: Sequence[Waiting], *, is_flood: bool) -> list[int]:
            doubtful, later = await self._tell_firm(bank, taken, is_flood=is_flood)
            if doubtful:
                await self._doubt(bank, doubtful)
            return later

        async def take(db: Connection, most: int, lease: Lease) -> list[Waiting]:
            return await queue.take(db, most, lease, doubtful=False)

        await self._round(bank, take, tell, MOST_FIRM, Courtesy())

    async def classify_doubtful(self, bank: Bank) -> None:
        """Classify every sample that only the model can tell, with rests as in `classify_new`."""

        async def take(db: Connection, most: int, lease: Lease) -> list[Waiting]:
            return await queue.take(db, most, lease, doubtful=True)

        await self._round(bank, take, self._guess, MOST_GUESSED, Courtesy(is_heavy=True))

    async def keep_leases(self, bank: Bank) -> None:
        """Extend the leases on samples under way, until cancelled."""
        while True:
            await asyncio.sleep(EXTENSION)
            with contextlib.suppress(
                Unavailable, *TROUBLE
            ):  # without an extension, others do the same once more
                async with bank.database.connection() as db:
                    await queue.extend(db, list(self._held), bank.clock() + LEASE)

    async def _round(
        self,
        bank: Bank,
        take: Callable[[Connection, int, Lease], Awaitable[list[Waiting]]],
        tell: TellAndStore,
        most: int,
        courtesy: Courtesy | None,
    ) -> None:
        """Take and tell samples until few are left. A sample that is not to blame for a failure waits for the next round."""
        done, is_flood, later, held = 0, False, list[int](), set[int]()
        try:
            while True:
                async with bank.database.transaction() as db:
                    now = bank.clock()
                    taken = await take(db, most, Lease(now, now + LEASE))
                held |= {one.id for one in taken}
                self._held |= held
                began = time.monotonic()
                if taken:
                    later += await tell(bank, taken, is_flood=is_flood)
                self._held -= held - set(later)
                held &= set(later)
                done += len(taken)
                if len(taken) < most:
                    return
                if courtesy is not None and done > HANDFUL:
                    is_flood = True
                    await asyncio.sleep(courtesy.rest_after(time.monotonic() - began))
        except NotStarted as error:  # the identification would not start for other samples, either
            faults.tell("classification.unavailable", error, trace=False)
        finally:
            self._held -= held
            if held:
                async with bank.database.connection() as db:
                    await queue.give_back(db, list(held))

    async def _tell_firm(
        self, bank: Bank, taken: Sequence[Waiting], *, is_flood: bool
    ) -> tuple[list[Waiting], list[int]]:
        """Store the types that the bytes tell: (the samples that need the model, the samples put off)."""
        found: Found = []
        doubtful: list[Waiting] = []
        later: list[int] = []
        for group in _by_customer(taken):
            # where the child fails, the model's child tells whether the file is to blame
            firm = partial(self._identifier.firm, is_flood=is_flood)
            told = await self._ask(bank, group, firm, lambda _: None)
            later += told.later
            found += [*told.missing, *((one, answer) for one, answer in told.answers if answer)]
            doubtful += [one for one, answer in told.answers if not answer]
        await self._store(bank, found)
        return doubtful, later

    async def _ask(
        self, bank: Bank, group: Sequence[Waiting], tell: Tell[T], broken: Callable[[OSError], T]
    ) -> Told[T]:
        """Ask a child for the types of a customer's samples. `broken` is the answer where the child fails."""
        async with bank.blobs.files(Area.SAMPLE, [one.sha256 for one in group]) as paths:
            there = [one for one in group if one.sha256 in paths]
            without = await self._without_bytes(bank, [one for one in group if one.sha256 not in paths])
            try:
                answers = await tell([paths[one.sha256] for one in there]) if there else []
            except ChildKilled as error:
                return Told(without, [], self._put_off(there, error))
            except OSError as error:
                answers = [broken(error) for _ in there]
        return Told(without, list(zip(there, answers, strict=True)), [])

    async def _guess(self, bank: Bank, taken: Sequence[Waiting], *, is_flood: bool) -> list[int]:
        """Store the types that the model tells; answers the samples put off."""
        found: Found = []
        later: list[int] = []
        for group in _by_customer(taken):
            guess = partial(self._identifier.guess, is_flood=is_flood)
            told = await self._ask(bank, group, guess, lambda error: Killed(str(error)))
            later += told.later
            found += told.missing
            for one, answer in told.answers:
                if not isinstance(answer, Killed):
                    found.append((one, answer))
                elif self._is_to_blame(one):
                    found.append((one, failed(str(answer))))
                else:
                    later += self._put_off([one], answer)
        await self._store(bank, found)
        return later

    def _is_to_blame(self, one: Waiting) -> bool:
        """Whether the sample has been disturbed so often that the sample itself counts as the reason."""
        self._disturbed[one.id] += 1
        return self._disturbed[one.id] >= MOST_DISTURBED

    def _put_off(self, waiting: Sequence[Waiting], error: Exception) -> list[int]:
        for one in waiting:
            faults.tell("classification.disturbed", error, trace=False, sample=one.sha256.hex())
        return [one.id for one in waiting]

    async def _doubt(self, bank: Bank, waiting: Sequence[Waiting]) -> None:
        async with bank.database.connection() as db:
            is_urgent = await queue.doubt(db, [one.id for one in waiting])
        bank.signals.send(Signal.URGENT if is_urgent else Signal.UNCLASSIFIED)

    async def _without_bytes(self, bank: Bank, missing: Sequence[Waiting]) -> Found:
        """What is stored of samples whose bytes are missing: nothing, where the sample has a type or is deleted."""
        found: Found = []
        for one in missing:
            async with bank.database.connection() as db:
                if not await queue.give_up(db, one.id):
                    found.append((one, failed(MISSING)))
        return found

    async def _store(self, bank: Bank, found: Found) -> None:
        if not found:
            return
        for one, told in found:
            if "failure" in told.meta_data:
                why = told.meta_data["failure"]
                faults.warn("classification.failed", kind=why, sample=one.sha256.hex(), why=why)
        try:
            await _store(bank, found)
        except asyncpg.DataError as error:  # a child taken over by a sample may answer anything
            if len(found) > 1:
                for single in found:
                    await self._store(bank, [single])
                return
            faults.tell("classification.unstorable", error, trace=False, sample=found[0][0].sha256.hex())
            await _store(bank, [(found[0][0], failed("The answer of the classifier cannot be stored."))])
        for one, _ in found:
            del self._disturbed[one.id]
        await add_late_workers(bank, [one.id for one, _ in found])


async def forget_leases(bank: Bank) -> None:
    """Remove the leases of classifiers that have gone."""
    async with bank.database.connection() as db:
        await queue.forget_ended(db, now=bank.clock())


def _by_customer(taken: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Group samples by the customers of their uploaders: no process sees files of two customers."""
    key = attrgetter("uploader")
    return (list(group) for _, group in groupby(sorted(taken, key=key), key))


async def _store(bank: Bank, found: Found) -> None:
    made = [
        (one.id, Classification(t.type, t.super_type, t.arch, t.platform, t.version, t.meta_data))
        for one, t in found
    ]
    async with bank.database.connection() as db:
        await queue.store(db, made, now=bank.clock())
