"""Those who ask for the same page at the same time share a reading, and nobody is told what was there before the asking."""

import asyncio
from functools import partial

import pytest

from kit.bank import V2, Bank, Sample, together
from samplebank.errors import Unavailable
from samplebank.http.together import Together

PAGE = "a page"
ASKERS = 8


class Book:
    """Something that is read slowly. `opened` says how often, `written` is what a reading finds."""

    def __init__(self) -> None:
        self.written = self.opened = self.closed = 0
        self.is_torn = False
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def read(self, asker: str = "") -> tuple[int, str]:
        self.opened += 1
        found = self.written, asker
        self.begun.set()
        try:
            await self.may_end.wait()
        finally:
            self.closed += 1
        if self.is_torn:
            raise Unavailable("The page is torn.")
        return found


@pytest.fixture
def readers() -> Together:
    return Together()


@pytest.fixture
async def book() -> Book:
    return Book()


async def ask(
    readers: Together, book: Book, asker: str = "", page: str = PAGE
) -> "asyncio.Task[tuple[int, str]]":
    """An asker who waits for an answer."""
    asking = asyncio.create_task(readers.read(page, partial(book.read, asker)))
    await asyncio.sleep(0)
    return asking


async def begin(readers: Together, book: Book) -> "asyncio.Task[tuple[int, str]]":
    """An asker whose reading is under way."""
    first = await ask(readers, book, "first")
    await book.begun.wait()
    return first


async def test_those_who_come_while_the_page_is_read_share_the_next_reading(
    readers: Together, book: Book
) -> None:
    first = await begin(readers, book)
    later = [await ask(readers, book) for _ in range(ASKERS)]
    book.may_end.set()

    await asyncio.gather(first, *later)

    assert book.opened == 2


async def test_an_asker_is_told_what_was_written_before_the_asking(readers: Together, book: Book) -> None:
    first = await begin(readers, book)
    book.written = 1
    later = await ask(readers, book)
    book.may_end.set()

    assert [number for number, _ in await asyncio.gather(first, later)] == [0, 1]


async def test_a_shared_reading_is_that_of_the_last_asker_whose_time_is_the_latest(
    readers: Together, book: Book
) -> None:
    first = await begin(readers, book)
    later = [await ask(readers, book, asker) for asker in ("second", "third")]
    book.may_end.set()

    assert [asker for _, asker in await asyncio.gather(first, *later)] == ["first", "third", "third"]


async def test_those_who_ask_for_different_pages_do_not_wait_for_each_other(
    readers: Together, book: Book
) -> None:
    first, other = await begin(readers, book), await ask(readers, book, page="another page")
    await asyncio.sleep(0)
    opened = book.opened
    book.may_end.set()

    await asyncio.gather(first, other)

    assert opened == 2


async def test_a_refusal_is_told_to_each_who_waits(readers: Together, book: Book) -> None:
    book.is_torn = True
    askers = [await begin(readers, book), await ask(readers, book), await ask(readers, book)]
    book.may_end.set()

    outcomes = await asyncio.gather(*askers, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3


async def test_a_refusal_is_forgotten_with_its_reading(readers: Together, book: Book) -> None:
    book.is_torn = True
    book.may_end.set()
    with pytest.raises(Unavailable):
        await readers.read(PAGE, book.read)
    book.is_torn = False

    assert await readers.read(PAGE, book.read) == (0, "")


async def test_one_who_leaves_does_not_end_the_reading_of_the_others(readers: Together, book: Book) -> None:
    askers = [await ask(readers, book), await ask(readers, book)]
    await book.begun.wait()
    askers[1].cancel()
    await asyncio.wait({askers[1]})
    book.may_end.set()

    assert await askers[0] == (0, "")


async def test_a_reading_ends_when_all_have_left(readers: Together, book: Book) -> None:
    first = await begin(readers, book)
    first.cancel()
    await asyncio.wait({first})
    await asyncio.sleep(0)

    assert book.closed == 1


async def test_who_comes_when_all_others_have_just_left_is_answered(readers: Together, book: Book) -> None:
    book.may_end.set()
    gone = await ask(readers, book)
    gone.cancel()
    await asyncio.wait({gone})

    assert await asyncio.wait_for(readers.read(PAGE, book.read), 10) == (0, "")


async def test_nobody_waits_for_those_who_left_before_their_reading(readers: Together, book: Book) -> None:
    first, gone = await begin(readers, book), await ask(readers, book)
    gone.cancel()
    await asyncio.wait({gone})
    book.may_end.set()
    await first
    await asyncio.sleep(0)

    assert book.opened == 1


def newest(bank: Bank, user: str) -> set[str]:
    rows = bank.data(bank.get(f"{V2}/sample", user, limit=2 * ASKERS))
    return {row["sha256"] for row in rows}


def test_of_many_who_submit_and_list_at_once_each_finds_the_own_sample(bank: Bank) -> None:
    def submit_and_list() -> bool:
        return bank.submitted().sha256 in newest(bank, "mia")

    assert together([submit_and_list] * ASKERS) == [True] * ASKERS


def test_two_who_ask_the_same_at_once_are_each_told_what_they_may_see(bank: Bank) -> None:
    sample = Sample()
    bank.submit(sample)

    found = together([partial(newest, bank, user) for user in ("mia", "hana") * ASKERS])

    assert [sample.sha256 in one for one in found] == [True, False] * ASKERS
