"""The worker `documents` on labelled test files: those of oletools in a folder, and copies of them with changed bytes.

    python -m bench.trials.documents FOLDER [--mutations 2000] [--clean FOLDER]...

FOLDER is `tests/test-data` of the source of oletools. Files in ZIP files with the password of oletools are unpacked first, as the
worker `extract` does.
"""

import argparse
import random
import resource
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from samplebank.worker.analysers.documents.analyser import DocumentsAnalyser
from samplebank.worker.analysers.testing import sample_file, violations
from samplebank.worker.checking import checked
from samplebank.worker.contract import NO_FINDINGS, Rejected, Result

WORD = b"infected-test"
MIB = 1024 * 1024
#: goals of the issue, by the label
GOALS = {"encrypted": 17, "Excel 4": 7, "external": 13, "DDE": 11, "VBA": 2, "clean flagged": 0}
SMALL = MIB
#: scores from which a file is suspicious, and malicious; the share of mutated copies that lose their end
SUSPICIOUS, MALICIOUS, CUT = 30, 70, 0.2


class Labelled(NamedTuple):
    label: str
    path: str
    content: bytes


def labelled(folder: Path) -> Iterator[Labelled]:
    """The files of oletools with their labels, by folder and name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            if label := label_of(name):
                yield from (Labelled(label, name, content) for content in contents_of(path))


def label_of(name: str) -> str | None:
    folder, _, base = name.rpartition("/")
    if folder == "encrypted":
        return "encrypted"
    if folder == "excel4-macros":
        return "Excel 4"
    if folder == "oleobj/external_link":
        return "external"
    if folder == "msodde":
        return "DDE" if base.startswith("dde-") else "clean flagged"
    if folder == "ooxml" and base.startswith("harmless"):
        return "clean flagged"
    return "VBA" if folder in {"olevba", "oleform"} else None


def contents_of(path: Path) -> Iterator[bytes]:
    if path.suffix != ".zip":
        yield path.read_bytes()
        return
    with zipfile.ZipFile(path) as container:
        for entry in container.infolist():
            yield container.read(entry, WORD)


FOUND: Mapping[str, Callable[[Result], bool]] = {
    "encrypted": lambda result: bool(result.result.get("encryption")),
    "Excel 4": lambda result: bool(result.result.get("excel4")),
    "external": lambda result: bool(result.result.get("external")),
    "DDE": lambda result: bool(result.result.get("dde")),
    "VBA": lambda result: bool(result.result.get("macros")),
    "clean flagged": lambda result: result.score != NO_FINDINGS,
}


class Trial:
    """Runs the analyser in this process, and remembers times and what broke."""

    def __init__(self) -> None:
        self._analyser = DocumentsAnalyser({})
        self._analyser.prepare()
        self._folder = Path(tempfile.mkdtemp(prefix="trial-"))
        self.times: list[tuple[float, str, int]] = []
        self.broken: Counter[str] = Counter()

    def run(self, name: str, content: bytes) -> Result | None:
        """Analyse a content. None for a file that is refused, or that breaks the contract."""
        path = self._folder / "sample"
        path.write_bytes(content)
        before = processor_seconds()
        try:
            result = checked(self._analyser.analyse(sample_file(path)))
        except Rejected:
            return None
        except Exception as error:  # noqa: BLE001 -- every error is what the trial looks for
            self.broken[f"{type(error).__name__}: {error}"[:200]] += 1
            return None
        self.times.append((processor_seconds() - before, name, len(content)))
        for violation in violations(result, self._analyser.schema):
            self.broken[violation[:200]] += 1
        return result


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A copy with changed bytes, a cut end, a doubled part or a hole."""
    copy = bytearray(content)
    for _ in range(chance.randrange(1, 12)):
        if not copy:
            break
        place = chance.randrange(len(copy))
        match chance.randrange(6):
            case 0:
                copy[place] = chance.randrange(256)
            case 1:
                copy[place : place + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\x80")
                )
            case 2:
                del copy[place : place + chance.randrange(1, 200)]
            case 3:
                copy[place:place] = copy[place : place + chance.randrange(1, 2000)]
            case 4:
                copy[place : place + 64] = chance.randbytes(64)
            case 5 if chance.random() < CUT:
                del copy[place:]
    return bytes(copy)


def told(trial: Trial, files: Sequence[Labelled]) -> None:
    """Print what was found of each label, and which files were missed."""
    totals, found, missed = Counter[str](), Counter[str](), []
    for file in files:
        result = trial.run(file.path, file.content)
        totals[file.label] += 1
        is_found = result is not None and FOUND[file.label](result)
        found[file.label] += is_found
        if is_found == (file.label == "clean flagged"):
            missed.append(file.path)
    for label, goal in GOALS.items():
        print(f"{label:16} {found[label]:3} of {totals[label]:3}   goal {goal}")
    for path in missed:
        print(f"    missed or flagged: {path}")


def clean(trial: Trial, folders: Sequence[Path]) -> None:
    """Print the score of clean files."""
    scores, flagged = Counter[str](), []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.stat().st_size > 64 * MIB or path.is_symlink():
                continue
            result = trial.run(str(path), path.read_bytes())
            if result is None:
                continue
            is_document = result.result["format"] != "other"
            scores["documents"] += is_document
            scores["files"] += 1
            if result.score != NO_FINDINGS:
                scores[
                    "70 or more"
                    if result.score >= MALICIOUS
                    else "30 to 69"
                    if result.score >= SUSPICIOUS
                    else "below 30"
                ] += 1
                names = [finding["name"] for finding in result.result["findings"]]
                flagged.append((result.score, str(path), names))
    print("clean", dict(scores))
    for score, flagged_path, names in sorted(flagged, reverse=True)[:40]:
        print(f"    {score:3} {flagged_path} {names}")


def print_times(trial: Trial, what: str) -> None:
    small = sorted(seconds for seconds, _, size in trial.times if size < SMALL)
    if small:
        at = [small[int(len(small) * share)] * 1000 for share in (0.5, 0.99)]
        worst = max(trial.times)
        print(
            f"{what}: {len(small)} files under 1 MiB, p50 {at[0]:.1f} ms, p99 {at[1]:.1f} ms; slowest {worst[0] * 1000:.0f} ms: {worst[1]}"
        )
    trial.times.clear()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--clean", type=Path, action="append", default=[])
    given = parser.parse_args()
    trial = Trial()
    files = list(labelled(given.folder))
    told(trial, files)
    print_times(trial, "labelled")
    if given.clean:
        clean(trial, given.clean)
        print_times(trial, "clean")
    chance = random.Random(7)  # noqa: S311 -- the same files each time
    began = time.monotonic()
    for _ in range(given.mutations):
        file = chance.choice(files)
        trial.run(f"mutated {file.path}", mutated(file.content, chance))
    print_times(trial, f"{given.mutations} mutated files in {time.monotonic() - began:.0f} s")
    for problem, count in trial.broken.most_common(20):
        print(f"    BROKEN {count} times: {problem}")
    return 1 if trial.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
