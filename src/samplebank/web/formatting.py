"""How values look on every page: sizes, times, digests, verdicts and states. Each is told by words, not by colour alone."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote
from uuid import UUID

from markupsafe import Markup, escape

from samplebank import timespec
from samplebank.timespec import Millis
from samplebank.web.wild import plain

#: in place of a value that is not there
DASH: Final = "\N{EN DASH}"
SHAPES: Final = {"malicious": "●", "suspicious": "◑", "benign": "○", "unknown": DASH}
SECOND: Final = 1000
#: the units of a span of time: milliseconds, and the word
SPANS: Final = (
    (365 * 24 * 3600 * SECOND, "y"),
    (24 * 3600 * SECOND, "d"),
    (3600 * SECOND, "h"),
    (60 * SECOND, "min"),
)
UNITS: Final = ("kB", "MB", "GB", "TB")
NONE: Final = Markup('<span class="none">{}</span>').format(DASH)
# `_put` escapes values just as `format` does, and takes a third of the time. A page has hundreds of these.
AGO: Final = '<time datetime="%s" title="%s">%s</time>'
DIGEST: Final = '<code class="hash" title="%s" data-copy="%s">%s</code>'
SAMPLE_LINK: Final = '<a href="%ssample/%s"><code class="hash" title="%s" data-copy="%s">%s</code></a>'
JOB_LINK: Final = '<a href="%sjob/%s">%s</a>'
BADGE: Final = '<span class="verdict %s"><span aria-hidden="true">%s</span>%s %s</span>'
#: the marks of states of tasks; any other state is waiting
MARKS: Final = {"success": "✔", "failed": "✗", "timeout": "✗", "cancelled": DASH, "executing": "⟳"}
TASK: Final = '<span class="task %s" title="%s: %s">%s <span aria-hidden="true">%s</span><span class="unseen">%s</span></span> '
STATE: Final = '<span class="state %s">%s</span>'


def _put(text: str, *values: object) -> Markup:
    """The text with the values, each escaped."""
    return Markup(text % tuple([escape(value) for value in values]))  # noqa: S704 each value is escaped


def number(value: int) -> str:
    return f"{value:,}"


def size(value: int) -> str:
    """A number of bytes, in the unit with at most three digits."""
    if value < 1000:  # noqa: PLR2004 the first step of the units
        return f"{value} B"
    amount = float(value)
    for unit in UNITS:
        amount /= 1000
        if amount < 999.5 or unit == UNITS[-1]:  # noqa: PLR2004 would be written with four digits
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"  # noqa: PLR2004 two digits are enough


def duration(milliseconds: int | None) -> str:
    """A span of time, in words. Clocks of two hosts differ, so a negative span is none."""
    if milliseconds is None:
        return DASH
    given = max(0, milliseconds)
    if given < SECOND:
        return f"{given} ms"
    for length, unit in SPANS:
        if given >= length:
            return f"{given // length} {unit}"
    return f"{given / SECOND:.1f} s"


def _whole(milliseconds: int) -> str:
    """A span of time in words, in whole units: nobody reads tenths of a second while they pass."""
    return f"{milliseconds // SECOND} s" if milliseconds < 60 * SECOND else duration(milliseconds)


def ago(time: Millis | None, now: Millis) -> Markup:
    """A point in time, as people speak of it; the exact time is in the title."""
    if time is None:
        return NONE
    exact = timespec.iso(time)
    spoken = f"{_whole(now - time)} ago" if time <= now else f"in {_whole(time - now)}"
    if abs(now - time) < SECOND:
        spoken = "now"
    return _put(AGO, exact, exact, spoken)


def digest(value: str) -> Markup:
    """A hash, cut in the middle; whole when copied."""
    return _put(DIGEST, value, value, _short(value))


def sample_link(sha256: str, root: str) -> Markup:
    """The hash of a sample as a link to the page of the sample. `root` is the way to the first page."""
    return _put(SAMPLE_LINK, root, sha256, sha256, sha256, _short(sha256))


def _short(value: str) -> str:
    return value if len(value) <= 16 else f"{value[:8]}…{value[-6:]}"  # noqa: PLR2004 what a column holds


@lru_cache(1000)
def badge(word: str, score: int | None = None) -> Markup:
    """A verdict: a shape, the score, and the word."""
    told = "" if score is None or score < 0 else f" {score}"
    return _put(BADGE, word, SHAPES.get(word, SHAPES["unknown"]), told, word)


@lru_cache(100)
def state(word: str) -> Markup:
    """The state of a job or task."""
    return _put(STATE, word, word)


@lru_cache(1000)
def task_mark(worker: str, word: str) -> Markup:
    """A task in few words: the worker, and the state as a mark, which is a word for those who listen."""
    name = plain(worker)
    return _put(TASK, word, name, word, name, MARKS.get(word, "·"), word)


def task_marks(tasks: Iterable[tuple[str, str]]) -> Markup:
    """Tasks in few words, given as pairs of worker and state. Many jobs of a list have the same."""
    return _task_marks(tuple(tasks))


@lru_cache(1000)
def _task_marks(tasks: tuple[tuple[str, str], ...]) -> Markup:
    return Markup("").join(task_mark(worker, word) for worker, word in tasks)


def job_link(id_: UUID, word: str, root: str) -> Markup:
    """The state of a job as a link to the page of the job. `root` is the way to the first page."""
    return _put(JOB_LINK, root, id_, state(word))


def quoted(value: str) -> str:
    """A text as a part of an address."""
    return quote(value, safe="")
