"""A page of samples is of one moment, though several statements find the page: others delete and submit samples meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from kit.bank import Bank, Sample, name_of
from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.database import Connection, Database, Page
from samplebank.search.keywords import Keywords, read_keyword
from samplebank.search.sample_listing import SampleListing
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.sets import DIGESTS, KEYWORD_KINDS
from samplebank.search.window import IndexWindow

#: parts of the statements that read the samples of a page, and the place of the last sample
ROWS, PLACE = "WITH ORDINALITY page", "WHERE s.sha256 = $"
HIDE = "UPDATE sample SET readers = '{}', unread_since = 1 WHERE sha256 = $1"


class Meanwhile:
    """A connection on which something happens before each statement that has a text in it."""

    def __init__(self, db: Connection, text: str, happen: Callable[[], Awaitable[object]]) -> None:
        self._db = db
        self._text = text
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def fetch(self, query: str, *values: Any) -> Any:
        await self._come_between(query)
        return await self._db.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        await self._come_between(query)
        return await self._db.fetchrow(query, *values)

    async def _come_between(self, query: str) -> None:
        if self._text in query:
            await self._happen()


@pytest.fixture
async def reader(bank: Bank, database: Database) -> Caller:
    directory = Directory(database)
    await directory.refresh()
    async with database.connection() as db:
        caller = await find_caller(db, directory, bank.keys["mia"], now=time.time_ns() // 1_000_000)
    assert caller is not None
    return caller


@pytest.fixture
async def searching(database: Database) -> AsyncIterator[Connection]:
    """A connection outside of a transaction, as searches have."""
    async with database.connection() as db:
        yield db


def found_by(caller: Caller, word: str, sort: str) -> SampleListing:
    words = Keywords((read_keyword(word),), frozenset((*DIGESTS, *KEYWORD_KINDS)), every=False)
    return samples_matching(caller, SampleCriterion(keywords=words), IndexWindow(0), [sort])


def submitted(bank: Bank, word: str, number: int) -> list[Sample]:
    samples = [Sample() for _ in range(number)]
    for sample in samples:
        bank.submit(sample, fileName=word)
    return samples


async def test_a_page_that_loses_a_sample_meanwhile_is_not_taken_for_the_last_page(
    bank: Bank, database: Database, searching: Connection, reader: Caller
) -> None:
    word = name_of("moment")
    oldest, middle, newest = submitted(bank, word, 3)

    async def hide() -> None:
        async with database.connection() as db:
            await db.execute(HIDE, bytes.fromhex(middle.sha256))

    db: Any = Meanwhile(searching, ROWS, hide)
    first, place = await found_by(reader, word, "-sampleCreatedTimestamp").page_with_place(db, Page(2))
    second = await found_by(reader, word, "-sampleCreatedTimestamp").page(searching, Page(2, after=place))

    assert [row.sha256.hex() for row in first] == [newest.sha256, middle.sha256]
    assert [row.sha256.hex() for row in second] == [oldest.sha256]


async def test_a_sample_that_moves_to_the_end_meanwhile_takes_no_other_out_of_the_pages(
    bank: Bank, searching: Connection, reader: Caller
) -> None:
    word = name_of("moment")
    first, second, third = submitted(bank, word, 3)
    again = partial(asyncio.to_thread, bank.submit, second, fileName=f"{word}-again")

    db: Any = Meanwhile(searching, PLACE, again)
    before, place = await found_by(reader, word, "lastUpdatedSubmission").page_with_place(db, Page(2))
    behind = await found_by(reader, word, "lastUpdatedSubmission").page(searching, Page(2, after=place))

    assert [row.sha256.hex() for row in before] == [first.sha256, second.sha256]
    assert [row.sha256.hex() for row in behind] == [third.sha256, second.sha256]
