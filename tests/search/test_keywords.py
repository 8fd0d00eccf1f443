"""Keywords are taken literally, and are digests or ids only as a whole."""

import hashlib
import json

import pytest
from bench.tenants import Tenants
from hypothesis import given
from hypothesis import strategies as st

from samplebank.database import Connection, Database, Sql, joined
from samplebank.database.planning import SERIAL, planned
from samplebank.search.keywords import FEW, Keywords, contains, digests_among, mentions, read_keyword

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=3, max_size=30)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("plain", "%plain%"),
        ("100%", r"%100\%%"),
        ("a_b", r"%a\_b%"),
        (r"C:\temp", r"%C:\\temp%"),
        ("';--", "%';--%"),
    ],
)
def test_what_like_reads_as_more_is_escaped(text: str, pattern: str) -> None:
    assert read_keyword(text).pattern == pattern


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("a" * 32, "md5"),
        ("B" * 40, "sha1"),
        ("0" * 64, "sha256"),
        ("f" * 128, "sha512"),
        ("a" * 63, None),
        ("g" * 64, None),
        ("abc", None),
    ],
)
def test_a_digest_is_known_by_its_length(text: str, algorithm: str | None) -> None:
    assert read_keyword(text).algorithm == algorithm


def test_a_keyword_may_be_an_id() -> None:
    word = read_keyword("018F2C3D-0000-7000-8000-000000000001")

    assert str(word.id) == "018f2c3d-0000-7000-8000-000000000001"


def test_all_keywords_are_demanded_one_by_one() -> None:
    words = (read_keyword("one"), read_keyword("two"))

    demands = Keywords(words, frozenset({"fact"}), every=True).demands

    assert demands == ((words[0],), (words[1],))


def test_any_keyword_is_one_demand() -> None:
    words = (read_keyword("one"), read_keyword("two"))

    demands = Keywords(words, frozenset({"fact"}), every=False).demands

    assert demands == (words,)


def test_words_that_are_digests_are_told_apart_by_algorithm() -> None:
    words = [read_keyword("ab" * 16), read_keyword("cd" * 32), read_keyword("word")]

    assert digests_among(words) == {"md5": [b"\xab" * 16], "sha256": [b"\xcd" * 32]}


def held(condition: Sql, text: str) -> Sql:
    """Whether the condition on `k.search` holds for the text."""
    return Sql("SELECT {} FROM (SELECT lower({}::text) AS search) k", condition, text)


@pytest.mark.parametrize("count", [1, 3, 40])
async def test_a_word_is_found_wherever_it_is_in_the_list(db: Connection, count: int) -> None:
    words = [*(read_keyword(f"absent{n}") for n in range(count - 1)), read_keyword("OVER%d")]

    found = await held(contains("k.search", words), "an over%due invoice").value(db)

    assert found is True


@given(prefix=TEXT, word=TEXT, suffix=TEXT)
async def test_any_word_is_found_in_what_holds_it(
    database: Database, prefix: str, word: str, suffix: str
) -> None:
    condition = contains("k.search", [read_keyword(word)])

    async with database.connection() as db:
        found = await held(condition, prefix + word + suffix).value(db)

    assert found is True


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("faktura", []),
        ("über", []),
        ("a-b", []),
        ("installer_996f82.pdf", ["996f82"]),
        ("996f82996f82", ["996f8299"]),
        ("exe.pdf", []),
        ("first.second.third.fourth", ["second", "fourth", "first"]),
        ("größe.996f82", []),
    ],
)
def test_the_index_is_asked_for_the_rare_parts_of_a_keyword(text: str, parts: list[str]) -> None:
    assert read_keyword(text).parts(frozenset({"installer", "exe", "pdf"})) == parts


SCARCE = st.text("aB1._%é", min_size=3, max_size=12)


@given(before=SCARCE, word=SCARCE, cut=st.integers(-3, 0), common=st.booleans())
async def test_looking_for_parts_finds_what_looking_for_the_whole_does(
    database: Database, before: str, word: str, cut: int, *, common: bool
) -> None:
    keyword, text = read_keyword(word), before + word[: cut or None] + before
    by_parts = mentions("k", "k", [keyword], frozenset(keyword.words if common else ()))
    as_a_whole = contains("k.search", [keyword])

    async with database.connection() as db:
        found = await held(joined(", ", [by_parts, as_a_whole]), text).row(db)

    assert found is not None
    assert found[0] == found[1]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
async def test_the_index_is_asked_for_the_beginnings_of_many_hashes(
    filled: tuple[Database, Tenants], algorithm: str
) -> None:
    """Asked for whole hashes, the index looked into a page for each of their trigrams: a search for 10,000 hashes got 503."""
    words = [read_keyword(hashlib.new(algorithm, bytes([n])).hexdigest()) for n in range(100)]
    asked = Sql("SELECT FROM submission u WHERE {}", mentions("submission", "u", words))
    query = Sql("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}", asked)

    async with filled[0].connection() as db, planned(db, *SERIAL, "enable_seqscan = off"):
        plan = json.loads(await query.value(db))[0]["Plan"]

    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert pages / len(words) < 24


TOLD = hashlib.sha256(b"told").hexdigest()
ANOTHER = TOLD[:-1] + ("1" if TOLD.endswith("0") else "0")


@pytest.mark.parametrize(("wanted", "is_found"), [(TOLD.upper(), True), (ANOTHER, False)])
async def test_of_many_hashes_one_is_found_as_a_whole(
    filled: tuple[Database, Tenants], wanted: str, *, is_found: bool
) -> None:
    words = [read_keyword(wanted), *(read_keyword(f"absent{n}") for n in range(FEW))]
    asked = Sql("SELECT EXISTS (SELECT FROM submission u WHERE {})", mentions("submission", "u", words))

    async with filled[0].connection() as db:
        change = db.transaction()
        await change.start()
        await db.execute(
            "UPDATE submission SET file_name = $1 WHERE id = (SELECT min(id::text)::uuid FROM submission)",
            TOLD,
        )
        found = await asked.value(db)
        await change.rollback()

    assert found is is_found
