"""Keywords: case-insensitive substrings, taken literally; digests and ids only as a whole."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Protocol
from uuid import UUID

import msgspec

from samplebank.database import Connection, Sql, all_of, any_of
from samplebank.database.identifiers import find_id
from samplebank.spelling import respelled

#: the digests of a sample by the number of hexadecimal digits
ALGORITHMS: Mapping[int, str] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
#: words written as separate conditions; more words are joined
FEW = 16
#: what the trigram index knows of a keyword; only in ASCII is a part sure to be lower-cased as within the whole
WORD = re.compile(r"[0-9A-Za-z]{3,}")
#: the index is asked for so many characters of so many words. Each more costs a look at every row that has the
#: rarest three of them: for a file name of 20 characters 48 ms instead of 1 over 2,000,000 rows
PART, PARTS = 8, 3
# The statistics of the planner hold a hundred texts. A word in one of them is in too many rows to help. Whose texts they
# are does not matter: they say how to look, and what is found is the same.
COMMON = """
    SELECT word FROM unnest($1::text[]) word
     WHERE EXISTS (SELECT FROM pg_stats s, unnest(s.histogram_bounds::text::text[]) example
                    WHERE s.schemaname = current_schema() AND s.tablename = 'submission' AND s.attname = 'search'
                      AND position(lower(word) in example) > 0)
"""


class Keyword(msgspec.Struct, frozen=True):
    """A keyword, and the other meanings that the keyword may have.

    `pattern` is the pattern of LIKE for texts that hold the keyword. The text is still to be lower-cased.
    """

    text: str
    pattern: str
    algorithm: str | None
    digest: bytes | None
    id: UUID | None

    @property
    def words(self) -> list[str]:
        return WORD.findall(self.text) if self.text.isascii() else []

    def parts(self, common: frozenset[str]) -> list[str]:
        """Parts of the keyword that few rows hold, as far as known; none where the whole keyword is the best to look for."""
        rare = sorted((word for word in self.words if word not in common), key=len, reverse=True)
        parts = [word[:PART] for word in rare[:PARTS]]
        return [] if parts == [self.text] else parts


class Keywords(msgspec.Struct, frozen=True, dict=True):
    """Keywords with the fields to look in; `every` demands all keywords, else one keyword is enough."""

    words: tuple[Keyword, ...]
    fields: frozenset[str]
    every: bool

    @cached_property
    def demands(self) -> tuple[tuple[Keyword, ...], ...]:
        """Groups of keywords: a keyword of each group must occur."""
        every = [spellings_of(word) for word in self.words]
        return tuple(map(tuple, every)) if self.every else (tuple(chain.from_iterable(every)),)


class Asking(Protocol):
    """A criterion with keywords, and the inner criteria."""

    @property
    def keywords(self) -> Keywords | None: ...

    @property
    def sub_criteria(self) -> "Sequence[Asking] | None": ...


def keywords_in_parts(wanted: Asking) -> list[Keyword]:
    """The keywords of a criterion, inner criteria included, for which the index may be asked in parts (`mentions`)."""
    groups = wanted.keywords.demands if wanted.keywords is not None else ()
    own = [word for group in groups if len(group) <= FEW for word in group]
    return [*own, *chain.from_iterable(map(keywords_in_parts, wanted.sub_criteria or ()))]


def spellings(text: str) -> list[str]:
    """The text with letters and accents in one (Unicode NFC), apart (NFD), and as the text came, where these differ.

    Names of files are stored unchanged, and some systems take letters and accents apart. Some names are in neither form. More
    patterns cost next to nothing beside a second text of every row, and most texts have a single pattern.
    """
    return [one for (one,) in spellings_of_parts([text])]


def spellings_of_parts(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """As `spellings`, of all parts at once."""
    together, apart = (tuple(respelled(form, part) for part in parts) for form in ("NFC", "NFD"))
    return list(dict.fromkeys((together, apart, tuple(parts))))


def spellings_of(word: Keyword) -> list[Keyword]:
    if word.text.isascii():
        return [word]
    return [word if text == word.text else read_keyword(text) for text in spellings(word.text)]


def read_keyword(text: str) -> Keyword:
    algorithm = ALGORITHMS.get(len(text))
    if algorithm is not None and not HEXADECIMAL.fullmatch(text):
        algorithm = None
    return Keyword(
        text=text,
        pattern=f"%{literal(text)}%",
        algorithm=algorithm,
        digest=bytes.fromhex(text) if algorithm else None,
        id=find_id(text),
    )


def literal(text: str) -> str:
    """The text as LIKE takes the text for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def mentions(
    table: str,
    alias: str,
    words: Sequence[Keyword],
    common: frozenset[str] | None = None,
    *,
    by_index: bool = True,
    patterns: Sql | None = None,
) -> Sql:
    """The text of the row holds at least one of the words; served by the trigram index of the table.

    With `common` words, the index is asked for the other parts of the words, and the rows for the whole. Where rows are
    known otherwise, `by_index` is false. `patterns` is `patterns_of` the words, for words that several tables are asked for.
    """
    if not by_index:
        return contains(f"{alias}.search || ''", words, patterns)
    if len(words) > FEW:
        asked = patterns or patterns_of(words)
        whole = "words.part = words.pattern OR k.search || '' LIKE words.pattern"
        found = Sql(f"SELECT k.id FROM {{}} JOIN {table} k ON k.search LIKE words.part AND ({whole})", asked)
        return among(alias, found)
    if common is None:
        return contains(f"{alias}.search", words)
    return any_of([_by_parts(f"{alias}.search", word, word.parts(common)) for word in words])


def _by_parts(text: str, word: Keyword, parts: Sequence[str]) -> Sql:
    if not parts:
        return _has(text, word.pattern)
    # an expression instead of the column is not for the index
    return all_of([*(_has(text, f"%{part}%") for part in parts), _has(f"{text} || ''", word.pattern)])


def _has(text: str, pattern: str) -> Sql:
    return Sql(f"{text} LIKE lower({{}})", pattern)


async def find_common(db: Connection, keywords: Sequence[Keyword]) -> frozenset[str]:
    """The common words: words of keywords with several words, held by many rows."""
    words = [word for keyword in keywords if len(keyword.words) > 1 for word in keyword.words]
    return frozenset(row[0] for row in await db.fetch(COMMON, words)) if words else frozenset()


def among(alias: str, rows: Sql) -> Sql:
    """The row is among the rows of the query. PostgreSQL runs the query once and first.

    For long lists of values: the planner expects a list to match all rows, and would try each row.
    """
    return Sql(f"{alias}.id IN (WITH found AS MATERIALIZED ({{}}) SELECT id FROM found)", rows)


def contains(text: str, words: Sequence[Keyword], patterns: Sql | None = None) -> Sql:
    """The lower-cased text holds at least one of the words; `patterns` as in `mentions`.

    PostgreSQL lower-cases the words, too, so that both sides agree whatever the locale of the database is.
    """
    if len(words) <= FEW:
        return any_of([_has(text, word.pattern) for word in words])
    return Sql(f"EXISTS (SELECT FROM {{}} WHERE {text} LIKE words.pattern)", patterns or patterns_of(words))


def patterns_of(words: Sequence[Keyword]) -> Sql:
    """A table `words` of the patterns of many words, each with the `part` for the index. A piece in several places travels once.

    Of a hash, the index is asked for the beginning: the whole has up to 126 trigrams, and each of them takes a look.
    """
    patterns = [word.pattern for word in words]
    parts = [f"%{word.text[:PART]}%" if word.algorithm else word.pattern for word in words]
    lowered = "SELECT lower(pattern) AS pattern, lower(part) AS part"
    return Sql(
        f"({lowered} FROM unnest({{}}::text[], {{}}::text[]) given(pattern, part)) words", patterns, parts
    )


def digests_among(words: Sequence[Keyword]) -> dict[str, list[bytes]]:
    """The digests among the words, by algorithm."""
    found: dict[str, list[bytes]] = {}
    for word in words:
        if word.algorithm is not None and word.digest is not None:
            found.setdefault(word.algorithm, []).append(word.digest)
    return found
