"""`samplebank demo` shows everything, checks everything, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.program import ROOT, SAMPLEBANK, Program
from kit.bank import eventually
from kit.visitor import Visitor
from samplebank.cli.local_service import undisturbed


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files, with a name short enough for sockets in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class Shown(NamedTuple):
    """What a demo has shown that leaves its service running, the process of the service, and the folders of the demo."""

    status: int
    out: str
    complaints: str
    service: int
    here: Path
    temporary: Path

    def rows(self, file: str) -> list[list[str]]:
        """The words of the lines that begin with this name."""
        return [line.split() for line in self.out.splitlines() if line.startswith(f"{file} ")]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as temporary:
        others = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
        done = subprocess.run(
            [SAMPLEBANK, "demo"],
            cwd=folder,
            env={**others, "KEEP": "1", "TMPDIR": temporary},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        service = re.search(r"^ *stop it +kill (\d+)$", done.stdout, re.MULTILINE)
        assert service is not None, done.stdout + done.stderr
        try:
            yield Shown(
                done.returncode, done.stdout, done.stderr, int(service[1]), Path(folder), Path(temporary)
            )
        finally:
            if is_alive(int(service[1])):
                stop(int(service[1]))


def test_the_demo_shows_files_on_their_way_to_a_verdict(shown: Shown) -> None:
    way, verdict = shown.rows("eicar.com")

    assert (shown.status, shown.complaints) == (0, "")
    assert [word for word in way if word.isalpha()] == ["done", "enqueued", "ms", "executing", "ms", "done"]
    assert "malicious" in verdict


def test_the_readme_shows_what_the_demo_shows(shown: Shown) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    _, verdicts = re.findall(r"^FILE .*\n((?:\S.*\n)+)", page, re.MULTILINE)

    told = [row.split() for row in verdicts.splitlines()]

    assert told == [shown.rows(file)[1] for file, *_ in told]


def test_a_demo_that_stays_ends_with_a_link_that_signs_in(shown: Shown) -> None:
    url, _, secret = shown.out.splitlines()[-1].partition("/login?link=")

    signed_in = Visitor(url).post("/login", {"link": secret})

    assert (signed_in.status, signed_in.text("h1")) == (200, "Today")


def test_a_demo_that_stays_names_the_program_that_was_called(shown: Shown) -> None:
    commands = re.findall(r"SAMPLEBANK_DATA_DIR=\S+ (\S+) (\w+)$", shown.out, re.MULTILINE)

    assert commands == [(str(SAMPLEBANK), "jobs"), (str(SAMPLEBANK), "login")]


def test_a_stopped_demo_leaves_its_data_and_nothing_else(shown: Shown) -> None:
    stop(shown.service)

    assert [one.name for one in shown.here.iterdir()] == ["demo-data"]
    assert list(shown.temporary.iterdir()) == []


def stop(service: int) -> None:
    """End the service, and wait for its end: the folder of the test goes next."""
    os.kill(service, signal.SIGTERM)
    assert eventually(lambda: not is_alive(service))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{process}/status").read_text()


def test_a_demo_that_is_ended_early_leaves_nothing(program: Program, temporary: Path) -> None:
    demo = program.start("demo", TMPDIR=str(temporary))
    assert demo.stdout is not None
    assert "Starting" in demo.stdout.readline()

    demo.terminate()

    _, complaints = demo.communicate(timeout=60)
    assert (demo.returncode, complaints) == (143, "samplebank: Interrupted.\n")
    assert list(temporary.iterdir()) == []


def test_a_signal_in_the_middle_of_a_start_is_obeyed_when_the_process_is_known() -> None:
    started = []

    def start() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            started.append("a process")

    with pytest.raises(KeyboardInterrupt):
        start()

    assert started == ["a process"]


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A folder in which somebody has called `make demo`."""
    for name in ("src", "tests", "bench", "drill", "trial", "scripts", "demo-data/postgres/data"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def cleaned(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", "-f", str(ROOT / "Makefile"), "clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_nothing_is_cleaned_away_below_a_service_that_runs(used: Path) -> None:
    (used / "demo-data/postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n/data\n")

    done = cleaned(used)

    assert done.returncode != 0
    assert "A service still runs in demo-data/: stop it first" in done.stderr
    assert (used / "demo-data").is_dir()


@pytest.mark.parametrize("left", ["", "4194305\n/data\n"])
def test_what_an_ended_service_left_is_cleaned_away(used: Path, left: str) -> None:
    (used / "demo-data/postgres/data/postmaster.pid").write_text(left)

    assert cleaned(used).returncode == 0
    assert not (used / "demo-data").exists()
