"""What the built-in workers read in a second of processor time: scripts, programs and archives of public packages.

The analysis alone counts. Beside stands the rate with the process that a worker gives to each analysis.
"""

import asyncio
import hashlib
import importlib
import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench import real_files
from bench.clients import WrongAnswer
from bench.figure import Figure, Surroundings
from bench.machine import Processes
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.contract import SampleFile
from samplebank.worker.sandboxed import SandboxedAnalyser

MIB: Final = 1024 * 1024
#: the least bytes of a script or a program
LEAST: Final = 128 * 1024
ARCHIVE: Final = 2 * MIB
SCRIPTS: Final = (".py", ".js", ".ps1", ".sh")


class _Kind(NamedTuple):
    """Files of a kind for the worker that reads them. `size` is the number of bytes that count."""

    name: str
    worker: str
    contents: Sequence[bytes]
    size: int
    goal: float | None


def measure(mebibytes: int, runs: int) -> list[Figure]:
    """Measure each kind of file in the worker that reads the kind. `mebibytes` of each kind are read in a run."""
    most = mebibytes * MIB
    scripts, programs = _files(_is_script, most), _files(_is_program, most)
    archives = [_archive(some) for some in _portions(_files(lambda _: True, most, least=0))]
    kinds = (
        _Kind("static, scripts", "static", scripts, _total(scripts), 20.0),
        _Kind("static, programs", "static", programs, _total(programs), 40.0),
        _Kind("strings, programs", "strings", programs, _total(programs), 40.0),
        _Kind("strings, scripts", "strings", scripts, _total(scripts), None),
        _Kind("extract, out of archives", "extract", archives, sum(map(_size_inside, archives)), 25.0),
    )
    return [_measured(kind, runs) for kind in kinds]


def _measured(kind: _Kind, runs: int) -> Figure:
    mebibytes = kind.size / MIB
    figure = Figure(f"worker {kind.name}", "MiB/s a core", [], kind.goal)
    processes = Processes(os.getpid())
    with (
        Surroundings(lambda: processes) as around,
        _stored_in_folder(kind.contents) as samples,
    ):
        figure.values = [mebibytes / _spent_alone(kind.worker, samples) for _ in range(runs)]
        with_process = mebibytes / asyncio.run(_spent(kind.worker, samples, processes))
    figure.note = (
        f"{len(samples)} files, {mebibytes:.0f} MiB; {with_process:.1f} with the process of each call"
    )
    return around.mark(figure)


def _spent_alone(worker: str, samples: Sequence[SampleFile]) -> float:
    """Processor seconds of one analysis of each sample, without the process that a worker gives to each."""
    module, _, name = BUILT_IN[worker].partition(":")
    analyser = getattr(importlib.import_module(module), name)({})
    analyser.analyse(samples[0])  # the first call loads what all calls need
    began = time.process_time()
    for sample in samples:
        analyser.analyse(sample)
    return time.process_time() - began


async def _spent(worker: str, samples: Sequence[SampleFile], processes: Processes) -> float:
    """Processor seconds of the sandbox and its processes for one analysis of each sample."""
    async with await SandboxedAnalyser.open(BUILT_IN[worker], sandbox_required=False) as analyser:
        await analyser.analyse(samples[0])  # the first call starts the children
        before = _seconds(processes)
        for sample in samples:
            await analyser.analyse(sample)
        return _seconds(processes) - before


def _seconds(processes: Processes) -> float:
    """Processor time with that of ended processes, which the sandbox has one of for each call."""
    return sum(seconds for _, seconds in processes.seconds_with_ended())


@contextmanager
def _stored_in_folder(contents: Sequence[bytes]) -> Iterator[list[SampleFile]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the sandbox reads as nobody
        yield [_stored(folder, content) for content in contents]


def _stored(folder: Path, content: bytes) -> SampleFile:
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / sha256
    path.write_bytes(content)
    path.chmod(0o644)
    return SampleFile(path=path, sha256=sha256, size=len(content), submission={"fileName": "sample"})


def _files(wanted: Callable[[Path], bool], most: int, least: int = LEAST) -> list[bytes]:
    """Different contents of files of packages, of about so many bytes together. Raises `WrongAnswer` where there are none."""
    chosen = [path for path in real_files.of_packages() if path.stat().st_size >= least and wanted(path)]
    found: list[bytes] = []
    for path in real_files.different(chosen, len(chosen), lambda _: True):
        if _total(found) >= most:
            break
        found.append(path.read_bytes())
    if not found:
        raise WrongAnswer("the packages of the environment have no such files")
    return found


def _total(contents: Sequence[bytes]) -> int:
    return sum(map(len, contents))


def _is_script(path: Path) -> bool:
    return path.suffix in SCRIPTS


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _portions(contents: Sequence[bytes]) -> Iterator[list[bytes]]:
    portion: list[bytes] = []
    for content in contents:
        portion.append(content)
        if _total(portion) >= ARCHIVE:
            yield portion
            portion = []


def _archive(contents: Sequence[bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"file-{number}", content)
    return packed.getvalue()


def _size_inside(archive: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        return sum(one.file_size for one in packed.infolist())
