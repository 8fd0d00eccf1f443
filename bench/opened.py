"""What comes out of containers of known content: `python -m bench.opened CORPUS FOLDER`, with the files of a corpus in the folder.

`opened` judges one file by an expectation, and opens what comes out in turn, as the service does.
"""

import argparse
import asyncio
import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import Child, Rejected, Result
from samplebank.worker.sandboxed import SandboxedAnalyser

#: steps from the file, and files that are opened for one file
DEEPEST, MOST = 6, 200
EVERYTHING = re.compile("")


class Expectation(msgspec.Struct, frozen=True):
    """The file that must come out: by its SHA-256, else by its name. `size` is the least number of bytes."""

    sha256: str | None = None
    name: re.Pattern[str] = EVERYTHING
    size: int = 1

    def is_met(self, name: str, sha256: str, size: int) -> bool:
        if self.sha256 is not None:
            return sha256 == self.sha256
        return size >= self.size and self.name.search(name) is not None


class Outcome(msgspec.Struct, frozen=True):
    """How many files came out, in how many seconds, and why the expected file did not come out."""

    files: int
    seconds: float
    reason: str = ""

    @property
    def is_met(self) -> bool:
        return not self.reason


class Corpus(msgspec.Struct, frozen=True):
    """Files of known content. `leaves` are no containers. The passwords come with each submission."""

    pattern: str
    expected: Expectation
    goal: tuple[int, int]
    leaves: re.Pattern[str] | None = None
    passwords: tuple[str, ...] = ()


CORPORA: Mapping[str, Corpus] = {
    # the Debian package clamav-testfiles: one program in every container, and packed at run time
    "clamav": Corpus(
        pattern="clam*",
        expected=Expectation(sha256="71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495"),
        goal=(27, 34),
        leaves=re.compile(r"^clam(-(aspack|fsg|mew|pespin|petite|upack|upx|wwpack|yc))?\.exe$"),
    ),
    # test/files of the source of rarfile
    "rarfile": Corpus(
        pattern="*.rar",
        expected=Expectation(),
        goal=(38, 51),
        passwords=("password",),
    ),
    # tests/test-data/oleobj of the source of oletools
    "oletools": Corpus(
        pattern="*.*",
        expected=Expectation(
            name=re.compile(r"(^|/)(simple-text-file\.txt|.*nic.*de.*\.txt|calc\.(exe|lnk))$")
        ),
        goal=(34, 36),
    ),
}


async def opened(
    extract: SandboxedAnalyser, path: Path, expected: Expectation, passwords: tuple[str, ...] = ()
) -> Outcome:
    """Open a file, and what comes out of the file, until the expected file is met."""
    began, files = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample"
        content = await asyncio.to_thread(path.read_bytes)
        pending = [(content, path.name, "\n".join(passwords), 0)]
        for _ in range(MOST):
            if not pending:
                break
            data, name, words, depth = pending.pop(0)
            sample.write_bytes(data)
            about = {"fileName": name, "metaData": {"password": words} if words else {}}
            try:
                result = await extract.analyse(msgspec.structs.replace(sample_file(sample), submission=about))
            except Rejected as rejected:
                return Outcome(files, time.monotonic() - began, rejected.reason)
            found = list(_members(result))
            files += len(found)
            if any(expected.is_met(*one) for one in found):
                return Outcome(files, time.monotonic() - began)
            if depth < DEEPEST:
                pending += [_next(child, words, depth) for child in result.children]
    return Outcome(files, time.monotonic() - began, "nothing that was expected came out")


def _members(result: Result) -> Iterator[tuple[str, str, int]]:
    """Each file that came out: name, SHA-256, size. A file that stayed closed has no SHA-256."""
    for child in result.children:
        yield child.name, hashlib.sha256(child.data).hexdigest(), len(child.data)
    for entry in result.result["listing"]:
        if "sha256" in entry:
            yield entry["path"], entry["sha256"], entry["size"]


def _next(child: Child, words: str, depth: int) -> tuple[bytes, str, str, int]:
    return child.data, child.name, f"{child.password or ''}\n{words}".strip(), depth + 1


def containers(corpus: Corpus, folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.glob(corpus.pattern)) if path.is_file()]
    return [path for path in files if corpus.leaves is None or not corpus.leaves.match(path.name)]


async def judged(corpus: Corpus, chosen: list[Path]) -> list[tuple[Path, Outcome]]:
    """Open every container of a corpus."""
    async with await SandboxedAnalyser.open(BUILT_IN["extract"]) as extract:
        return [(path, await opened(extract, path, corpus.expected, corpus.passwords)) for path in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.opened", description=__doc__)
    parser.add_argument("corpus", choices=CORPORA)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    corpus = CORPORA[chosen.corpus]
    outcomes = asyncio.run(judged(corpus, containers(corpus, chosen.folder)))
    for path, outcome in outcomes:
        if not outcome.is_met:
            print(f"{path.name}: {outcome.reason}")
    met = sum(outcome.is_met for _, outcome in outcomes)
    seconds = sum(outcome.seconds for _, outcome in outcomes)
    print(
        f"{met} of {len(outcomes)} opened, in {seconds:.1f} s; the goal is {corpus.goal[0]} of {corpus.goal[1]}"
    )
    return 0 if met >= corpus.goal[0] else 1


if __name__ == "__main__":
    sys.exit(main())
