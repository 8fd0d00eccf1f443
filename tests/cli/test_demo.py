"""`samplebank demo` shows everything, checks everything, and leaves nothing behind."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import Program
from kit.bank import eventually
from kit.visitor import Visitor


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files, with a name short enough for sockets in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_demo_shows_files_on_their_way_to_a_verdict_and_leaves_nothing(
    program: Program, temporary: Path
) -> None:
    demo = program.start("demo", TMPDIR=str(temporary))

    out, complaints = demo.communicate(timeout=120)

    way, verdict = (line for line in out.splitlines() if line.startswith("eicar.com "))
    assert (demo.returncode, complaints) == (0, "")
    assert [word for word in way.split() if word.isalpha()] == [
        "done",
        "enqueued",
        "ms",
        "executing",
        "ms",
        "done",
    ]
    assert "malicious" in verdict
    assert list(temporary.iterdir()) == []


def test_a_demo_that_stays_ends_with_a_link_that_signs_in(program: Program, temporary: Path) -> None:
    demo = program.start("demo", "--keep", folder=temporary)
    out, complaints = demo.communicate(timeout=120)
    try:
        assert (demo.returncode, complaints) == (0, "")

        url, _, secret = out.splitlines()[-1].partition("/login?link=")
        shown = Visitor(url).post("/login", {"link": secret})

        assert (shown.status, shown.text("h1")) == (200, "Today")
    finally:
        stop(int(out.rpartition("stop it                kill ")[2].split()[0]))


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
    assert (demo.returncode, complaints) == (1, "")
    assert list(temporary.iterdir()) == []
