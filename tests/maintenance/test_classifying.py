"""A disturbed identification or a nonsensical answer costs no sample the type for good."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from samplebank.api.classifications import await_type
from samplebank.assembly import Bank
from samplebank.blobs import Area
from samplebank.database.connection import connect_alone
from samplebank.identification import MOST_FIRM, MOST_GUESSED, Identification, Identifier
from samplebank.maintenance import election
from samplebank.maintenance.classifying import HANDFUL, MOST_DISTURBED, Classifying
from samplebank.maintenance.housekeeper import keep_house
from samplebank.samples import classification_queue as queue
from samplebank.samples.classification_queue import Lease
from samplebank.sandbox import Killed

if TYPE_CHECKING:
    from samplebank.api.call import Call

TESTS = Path(__file__).parents[1]
ADD = "INSERT INTO sample (sha256, size, created_time, activity_time) VALUES ($1, $2, 1, 1)"
STAGED = "maintenance.staged_classifier:open_classifier"
OF_CUSTOMER = "UPDATE sample SET readers = $2 WHERE sha256 = $1"
TYPES = "SELECT s.sha256, c.type FROM sample s LEFT JOIN classification c ON c.id = s.classification_id"


async def stored(bank: Bank, *contents: bytes) -> dict[bytes, bytes]:
    """Samples, waiting in the given order; the contents by SHA-256."""
    names = {}
    for content in contents:
        staged = await bank.blobs.stage(Area.SAMPLE, _pieces(content), 1000)
        await staged.keep()
        await staged.discard()
        names[staged.digests.sha256] = content
        async with bank.database.connection() as db:
            await db.execute(ADD, staged.digests.sha256, len(content))
    return names


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def rounds(bank: Bank, count: int, factory: str = "open_classifier") -> None:
    own = f"maintenance.staged_classifier:{factory}"
    async with Identifier(factory=own, import_from=(TESTS,)) as identifier:
        classifying = Classifying(identifier)
        for _ in range(count):
            await classifying.classify_new(bank)
            await classifying.classify_doubtful(bank)


async def types(bank: Bank, names: dict[bytes, bytes]) -> dict[bytes, str | None]:
    async with bank.database.connection() as db:
        return {names[row[0]]: row[1] for row in await db.fetch(TYPES)}


class Watched(Identifier):
    """Counts the files that the model is asked for, as files of a flood and as others."""

    def __init__(self, factory: str, import_from: tuple[Path, ...]) -> None:
        super().__init__(factory=factory, import_from=import_from)
        self.guessed = Counter[bool]()

    async def guess(self, paths: Sequence[Path], *, is_flood: bool = False) -> list[Identification | Killed]:
        self.guessed[is_flood] += len(paths)
        return await super().guess(paths, is_flood=is_flood)


async def test_one_round_classifies_a_flood(own_bank: Bank) -> None:
    names = await stored(own_bank, *(b"good %d" % number for number in range(MOST_FIRM + 1)))

    await rounds(own_bank, 1)

    assert set((await types(own_bank, names)).values()) == {"pdf"}


async def test_few_samples_have_the_priority_of_other_children_and_a_flood_has_less(own_bank: Bank) -> None:
    few = MOST_GUESSED * math.ceil(HANDFUL / MOST_GUESSED)
    await stored(own_bank, *(b"plain %d" % number for number in range(few + 1)))

    async with Watched(
        factory="maintenance.staged_classifier:open_census", import_from=(TESTS,)
    ) as identifier:
        await Classifying(identifier).classify_new(own_bank)
        await Classifying(identifier).classify_doubtful(own_bank)

    assert identifier.guessed == {False: few, True: 1}


async def test_a_sample_whose_child_is_killed_waits_and_lets_others_pass(own_bank: Bank) -> None:
    names = await stored(own_bank, b"be killed", b"good")

    await rounds(own_bank, 1)

    assert await types(own_bank, names) == {b"be killed": None, b"good": "pdf"}


async def test_a_sample_whose_child_is_killed_each_time_is_unknown_in_the_end(own_bank: Bank) -> None:
    names = await stored(own_bank, b"be killed")

    await rounds(own_bank, MOST_DISTURBED)

    assert await types(own_bank, names) == {b"be killed": "unknown"}


@pytest.mark.parametrize("factory", ["without_start", "killed_at_start"])
async def test_a_classifier_that_does_not_start_costs_no_sample_its_type(
    own_bank: Bank, factory: str
) -> None:
    names = await stored(own_bank, b"good", b"better")

    await rounds(own_bank, MOST_DISTURBED, factory)
    await rounds(own_bank, 1)

    assert await types(own_bank, names) == {b"good": "pdf", b"better": "pdf"}


async def test_an_answer_that_cannot_be_stored_costs_its_own_sample_only(own_bank: Bank) -> None:
    names = await stored(own_bank, b"lie", b"good")

    await rounds(own_bank, 1)

    assert await types(own_bank, names) == {b"lie": "unknown", b"good": "pdf"}


async def test_no_process_looks_at_files_of_two_customers(own_bank: Bank) -> None:
    names = await stored(own_bank, b"one of mill", b"two of mill", b"one of quarry")
    async with own_bank.database.connection() as db:
        for sha256, content in names.items():
            await db.execute(OF_CUSTOMER, sha256, [-2 if b"quarry" in content else -1])

    await rounds(own_bank, 1, "open_census")

    assert await types(own_bank, names) == {b"one of mill": "2", b"two of mill": "2", b"one of quarry": "1"}


async def test_a_firm_type_is_stored_where_the_model_does_not_start(own_bank: Bank) -> None:
    names = await stored(own_bank, b"%PDF-1.7\n1 0 obj\n", b"good")

    await rounds(own_bank, 1, "without_start")

    assert await types(own_bank, names) == {b"%PDF-1.7\n1 0 obj\n": "pdf", b"good": None}


async def test_what_a_submission_waits_for_is_put_before_all_others(own_bank: Bank) -> None:
    await stored(own_bank, b"good")
    request = cast("Call", SimpleNamespace(bank=own_bank))
    async with own_bank.database.connection() as db:
        id_ = await db.fetchval("SELECT id FROM sample")
        waiting = asyncio.create_task(await_type(request, id_))
        async with asyncio.timeout(60):
            while not await db.fetchval("SELECT classification_urgent FROM sample, pg_sleep(0.02)"):
                pass
        held_up = not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert held_up


async def test_what_somebody_waits_for_is_classified_in_a_round_of_its_own(own_bank: Bank) -> None:
    names = await stored(own_bank, b"good", b"better")
    async with own_bank.database.connection() as db:
        await db.execute("UPDATE sample SET classification_urgent = size = 6")

    async with Identifier(factory=STAGED, import_from=(TESTS,)) as identifier:
        await Classifying(identifier).classify_urgent(own_bank)

    assert await types(own_bank, names) == {b"good": None, b"better": "pdf"}


async def test_nothing_stays_taken_after_a_round(own_bank: Bank) -> None:
    await stored(own_bank, b"be killed", b"good")

    await rounds(own_bank, 1)

    async with own_bank.database.connection() as db:
        assert await db.fetchval("SELECT count(*) FROM classification_lease") == 0


async def test_every_host_classifies_not_only_the_elected_one(own_bank: Bank) -> None:
    names = await stored(own_bank, b"%PDF-1.7\n1 0 obj\n")
    db = await connect_alone(own_bank.database.url)
    try:
        await db.execute("SELECT pg_advisory_lock($1)", election.LOCK)
        keeping = asyncio.create_task(keep_house(own_bank))
        async with asyncio.timeout(60):
            while (await types(own_bank, names))[b"%PDF-1.7\n1 0 obj\n"] is None:
                await db.execute("SELECT pg_sleep(0.05)")
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    finally:
        await db.close()

    assert set((await types(own_bank, names)).values()) == {"pdf"}


async def test_two_classifiers_at_once_classify_each_sample_once(own_bank: Bank) -> None:
    names = await stored(own_bank, *(b"sample %d" % number for number in range(40)))

    await asyncio.gather(rounds(own_bank, 1), rounds(own_bank, 1))

    async with own_bank.database.connection() as db:
        assert await db.fetchval("SELECT count(*) FROM classification") == len(names)


async def test_the_samples_of_a_classifier_that_was_killed_come_back(own_bank: Bank) -> None:
    names = await stored(own_bank, b"good")
    ended = Lease(own_bank.clock() - 2, own_bank.clock() - 1)
    async with own_bank.database.transaction() as db:
        assert len(await queue.take(db, 10, ended, doubtful=False)) == 1

    await rounds(own_bank, 1)

    assert await types(own_bank, names) == {b"good": "pdf"}
