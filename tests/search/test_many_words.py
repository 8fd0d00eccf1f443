"""Searches for very many words, each of which thousands of samples have."""

import asyncio

import pytest
from bench.tenants import Tenants

from kit.bank import PATIENCE
from samplebank.accounts.caller import Caller
from samplebank.database import Database, Page
from samplebank.search.keywords import Keywords, read_keyword
from samplebank.search.samples import SampleCriterion, samples_matching
from search.questions import ALWAYS, ANY_FIELD, PAGE

TEXTS = ("executable", "windows")
#: each stands in the classification of every program for Windows, and of no other file
PARTS = [text[start:] for text in TEXTS for start in range(len(text) - 2)]


@pytest.mark.parametrize("who", ["admin", "most"])
@pytest.mark.parametrize("sort", ["-sampleCreatedTimestamp", "sampleSize"])
async def test_samples_with_very_many_words_are_found(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], who: str, sort: str
) -> None:
    """Where each further word were looked for anew for each sample, the search would take minutes."""

    async def found(texts: tuple[str, ...]) -> tuple[list[bytes], int]:
        words = Keywords(tuple(map(read_keyword, texts)), ANY_FIELD, every=True)
        async with filled[0].connection() as db, asyncio.timeout(PATIENCE):
            listing = samples_matching(callers[who], SampleCriterion(keywords=words), ALWAYS, [sort])
            rows = await listing.page(db, PAGE)
            count = await listing.count(db, 1000 * PATIENCE)
        return [row.sha256 for row in rows], count.number

    assert await found((*TEXTS, *PARTS)) == await found(TEXTS)


@pytest.mark.parametrize("who", ["admin", "most"])
async def test_whole_lists_of_samples_with_very_many_words_are_found(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], who: str
) -> None:
    """Streams, exports, hunts and reanalyses ask for all matches at once."""

    async def found(texts: tuple[str, ...]) -> tuple[list[bytes], list[int]]:
        words = Keywords(tuple(map(read_keyword, texts)), ANY_FIELD, every=True)
        async with filled[0].transaction() as db, asyncio.timeout(PATIENCE):
            listing = samples_matching(callers[who], SampleCriterion(keywords=words), ALWAYS)
            streamed = [row.sha256 async for piece in listing.pieces(db, Page(0)) for row in piece]
            return streamed, await listing.stored_ids(db, 100_000)

    assert await found((*TEXTS, *PARTS)) == await found(TEXTS)
