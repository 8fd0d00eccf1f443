"""The figures of the trial as tables: false positives with a bound, labelled files, speed, and what failed."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from trial.labelled import EXPECTATIONS, SUSPICIOUS
from trial.mutating import Mutations
from trial.running import Outcome

MALICIOUS = 70
#: the chance that the true rate of false positives lies above the bound
DOUBT = 0.05
MIB = 1024 * 1024
SMALL = MIB
SLOWEST, MOST_TOLD = 10, 30


class Table(msgspec.Struct, frozen=True):
    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def all_tables(outcomes: Sequence[Outcome]) -> list[Table]:
    clean = [one for one in outcomes if one.file.package.labels is None]
    return [
        clean_files(clean),
        flagged(clean),
        labelled_files(outcomes),
        types(clean),
        speed(outcomes),
        slow_files(outcomes),
        failed_files(outcomes),
    ]


def bound(found: int, number: int) -> float:
    """The rate that the true rate exceeds with a chance of `DOUBT` only, by Clopper and Pearson (Biometrika 26, 1934)."""
    if found >= number:
        return 1.0
    low, high = found / number, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(found, number, middle) > DOUBT else (low, middle)
    return high


def _at_most(found: int, number: int, rate: float) -> float:
    """The chance of at most `found` among `number`."""
    return sum(
        math.exp(
            math.lgamma(number + 1)
            - math.lgamma(k + 1)
            - math.lgamma(number - k + 1)
            + k * math.log(rate)
            + (number - k) * math.log1p(-rate)
        )
        for k in range(found + 1)
    )


def clean_files(clean: Sequence[Outcome]) -> Table:
    """How many clean files of each kind get a verdict of malicious or suspicious."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for one in clean:
        kinds[one.file.kind].append(one)
    rows = [_clean_row(kind, found) for kind, found in sorted(kinds.items())]
    return Table(
        "Clean files",
        ("kind", "files", "70 or more", "95 % below", "30 to 69", "share", "0", "-1"),
        [*rows, _clean_row("all", clean)] if clean else rows,
    )


def _clean_row(kind: str, found: Sequence[Outcome]) -> tuple[str, ...]:
    scores = [one.score for one in found]
    worst = sum(score >= MALICIOUS for score in scores)
    middle = sum(SUSPICIOUS <= score < MALICIOUS for score in scores)
    return (
        kind,
        f"{len(scores):,}",
        f"{worst}",
        f"{100 * bound(worst, len(scores)):.2f} %",
        f"{middle}",
        f"{100 * middle / len(scores):.2f} %",
        f"{sum(score == 0 for score in scores):,}",
        f"{sum(score == -1 for score in scores):,}",
    )


def flagged(clean: Iterable[Outcome]) -> Table:
    """The clean files with a verdict of 30 or more, the worst first."""
    found = sorted((one for one in clean if one.score >= SUSPICIOUS), key=lambda one: -one.score)
    rows = [
        (
            str(one.score),
            one.file.kind,
            f"{one.file.package.name}: {one.file.place}",
            ", ".join(f"{name} {score}" for name, score in one.scores.items() if score > 0),
        )
        for one in found[:MOST_TOLD]
    ]
    return Table("Clean files at 30 or more", ("score", "kind", "file", "by"), rows)


def labelled_files(outcomes: Sequence[Outcome]) -> Table:
    """What the workers find in the files that their makers label, and the files without the finding."""
    rows = []
    for expected in EXPECTATIONS:
        concerned = [one for one in outcomes if expected.concerns(one.file)]
        missed = [one.file.path.name for one in concerned if not expected.is_found(one)]
        found = f"{len(concerned) - len(missed)} of {len(concerned)}"
        rows.append((expected.name, expected.goal, found, ", ".join(missed[:MOST_TOLD])))
    return Table("Labelled files", ("what", "goal", "found", "without"), rows)


def types(clean: Sequence[Outcome]) -> Table:
    """The types that were told most for each kind."""
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in clean:
        kinds[one.file.kind][one.file_type] += 1
    rows = []
    for kind, told in sorted(kinds.items()):
        most = sorted(told.items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{type_} {number:,}" for type_, number in most[:8])
        rows.append((kind, f"{told.get('unknown', 0):,}", named))
    return Table("Types", ("kind", "unknown", "told most"), rows)


def speed(outcomes: Sequence[Outcome]) -> Table:
    """The time of a call of each worker, the process of the call included."""
    rows = []
    for worker in sorted({name for one in outcomes for name in one.looked}):
        timed = [(one.file.size, one.looked[worker].seconds) for one in outcomes]
        small = sorted(seconds for size, seconds in timed if size < SMALL)
        total = sum(seconds for _, seconds in timed)
        rows.append(
            (
                worker,
                f"{1000 * total / len(timed):.1f}",
                f"{1000 * small[len(small) // 2]:.1f}" if small else "",
                f"{1000 * small[len(small) * 99 // 100]:.0f}" if small else "",
                f"{sum(size for size, _ in timed) / MIB / total:.1f}",
            )
        )
    return Table("Speed", ("worker", "ms a file", "p50 below 1 MiB", "p99 below 1 MiB", "MiB/s"), rows)


def slow_files(outcomes: Iterable[Outcome]) -> Table:
    timed = [(looked.seconds, name, one.file) for one in outcomes for name, looked in one.looked.items()]
    slowest = sorted(timed, key=lambda row: -row[0])[:SLOWEST]
    rows = [
        (f"{seconds:.2f}", worker, f"{file.package.name}: {file.place}", f"{file.size:,}")
        for seconds, worker, file in slowest
    ]
    return Table("Slowest files", ("seconds", "worker", "file", "bytes"), rows)


def failed_files(outcomes: Iterable[Outcome]) -> Table:
    rows = [
        (name, f"{one.file.package.name}: {one.file.place}", looked.failure)
        for one in outcomes
        for name, looked in one.looked.items()
        if looked.failure is not None
    ]
    return Table("Files without a result", ("worker", "file", "reason"), rows[:MOST_TOLD])


def mutated_files(mutations: Mutations) -> Table:
    rows = [
        (worker, f"{number:,}", reason)
        for (worker, reason), number in sorted(mutations.unanswered.items(), key=lambda pair: -pair[1])
    ]
    total = ("all", f"{sum(mutations.unanswered.values()):,} of {mutations.tried:,}", "")
    return Table(
        "Copies with changed bytes, without a result",
        ("worker", "copies", "reason"),
        [total, *rows[:MOST_TOLD]],
    )
