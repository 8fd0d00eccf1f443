"""Sandbox children that keep or break the rules, and the answers of the parent."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from samplebank.sandbox import (
    Crashed,
    Killed,
    Limits,
    NotStarted,
    OutOfMemory,
    Refused,
    TimedOut,
    child_process,
)
from samplebank.sandbox.pool import Sandbox
from sandbox.forbidden import ATTEMPTS

TESTS = Path(__file__).parents[1]
MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=512 * MIB, answer_bytes=MIB)


def made(
    factory: str = "obedient", argument: str = "", limits: Limits = LIMITS, children: int = 1
) -> Sandbox:
    return Sandbox(
        f"sandbox.misbehaving:{factory}", argument, limits=limits, children=children, import_from=(TESTS,)
    )


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with made() as sandbox:
        yield sandbox


async def test_an_answer_comes_back(sandbox: Sandbox) -> None:
    assert await sandbox.call(b"stressed", 10) == b"desserts"


async def test_the_factory_gets_its_argument() -> None:
    async with made(argument="{}") as sandbox:
        assert await sandbox.call(b"argument", 10) == b"{}"


async def test_no_call_finds_what_another_left(sandbox: Sandbox) -> None:
    calls = [await sandbox.call(b"remember", 10) for _ in range(3)]

    assert calls == [b"1", b"1", b"1"]


async def test_no_call_changes_the_output_of_another(sandbox: Sandbox) -> None:
    first, second = [await sandbox.call(b"change the output", 10) for _ in range(2)]

    assert first == second


async def test_a_start_that_is_cancelled_leaves_no_line_open() -> None:
    before = lines()

    async with made() as sandbox:
        for steps in range(6):
            call = asyncio.create_task(sandbox.call(b"stressed", 10))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait({call})

    assert lines() <= before


def lines() -> set[str]:
    """The open descriptors shared with children: sockets and files without a name."""
    opened = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return {target for target in opened if target.endswith("(deleted)") or target.startswith("socket:")}


async def test_a_hanging_parser_is_ended_at_its_deadline(sandbox: Sandbox) -> None:
    with pytest.raises(TimedOut, match=r"^The analysis took longer than 0\.2 seconds\.$"):
        await sandbox.call(b"hang", 0.2)


@contextmanager
def crowded(processor: int) -> Iterator[None]:
    """Three processes compute on a processor for as long as the block lasts."""
    crowd = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        for one in crowd:
            os.sched_setaffinity(one.pid, {processor})
        yield
    finally:
        for one in crowd:
            one.kill()
            one.wait()


async def test_waiting_for_a_processor_is_not_counted(sandbox: Sandbox) -> None:
    processor = min(os.sched_getaffinity(0))
    os.sched_setaffinity(int(await sandbox.call(b"name your parent", 10)), {processor})

    with crowded(processor):
        assert await sandbox.call(b"compute", 0.5) == b"computed"


async def test_a_parser_that_hangs_on_a_busy_machine_is_ended(sandbox: Sandbox) -> None:
    processor = min(os.sched_getaffinity(0))
    os.sched_setaffinity(int(await sandbox.call(b"name your parent", 10)), {processor})

    with crowded(processor), pytest.raises(TimedOut):
        await sandbox.call(b"hang", 0.2)


@pytest.mark.parametrize("misdeed", [b"hang", b"spin", b"segfault", b"exit", b"raise", b"eat memory"])
async def test_a_misbehaving_parser_costs_only_its_own_call(sandbox: Sandbox, misdeed: bytes) -> None:
    await asyncio.gather(sandbox.call(misdeed, 0.3), return_exceptions=True)

    assert await sandbox.call(b"abc", 10) == b"cba"


async def test_a_crash_is_reported_with_its_signal(sandbox: Sandbox) -> None:
    with pytest.raises(Crashed, match=r"^The analysis crashed with signal SIGSEGV\.$"):
        await sandbox.call(b"segfault", 10)


async def test_the_last_words_of_a_child_are_reported(sandbox: Sandbox) -> None:
    with pytest.raises(Crashed, match=r"exit status 1: I had enough\.$"):
        await sandbox.call(b"exit", 10)


async def test_an_unforeseen_exception_is_reported(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match=r"^The analysis stopped with LookupError: no such section$"):
        await sandbox.call(b"raise", 10)


async def test_memory_has_an_end(sandbox: Sandbox) -> None:
    with pytest.raises(OutOfMemory, match="512 MiB of memory"):
        await sandbox.call(b"eat memory", 10)


async def test_an_answer_may_not_be_endless(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="The answer has 3145728 bytes, more than the 1048576 allowed"):
        await sandbox.call(b"talk too much", 10)


async def test_a_child_killed_between_calls_is_replaced_silently(sandbox: Sandbox) -> None:
    pid = int(await sandbox.call(b"name your parent", 10))
    child = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    await _has_ended(child)

    assert int(await sandbox.call(b"name your parent", 10)) != pid


async def test_a_call_over_its_time_leaves_its_child_for_the_next(sandbox: Sandbox) -> None:
    child = await sandbox.call(b"name your parent", 10)
    with pytest.raises(TimedOut):
        await sandbox.call(b"hang", 0.2)

    assert await sandbox.call(b"name your parent", 10) == child


async def test_a_cancelled_call_ends_its_child(sandbox: Sandbox) -> None:
    pid = int(await sandbox.call(b"name your parent", 10))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await sandbox.call(b"hang", 60)

    assert int(await sandbox.call(b"name your parent", 10)) != pid


async def test_two_children_answer_at_the_same_time() -> None:
    async with made(children=2) as sandbox:
        hanging = asyncio.create_task(sandbox.call(b"hang", 60))

        assert await sandbox.call(b"abc", 10) == b"cba"
        hanging.cancel()
        await asyncio.wait({hanging})


async def test_a_factory_that_fails_is_no_fault_of_the_request() -> None:
    async with made("without_start", "no model here") as sandbox:
        with pytest.raises(NotStarted, match=r"ValueError: no model here \(.*/misbehaving\.py, line \d+\)$"):
            await sandbox.call(b"abc", 10)


async def test_a_child_that_ends_itself_before_the_call_is_not_said_to_be_ended_from_outside() -> None:
    async with made("Unprepared", "3") as sandbox:
        with pytest.raises(
            NotStarted, match=r"^The preparation of the analysis crashed with exit status 3\.$"
        ):
            await sandbox.call(b"abc", 10)


async def test_what_a_child_has_started_ends_with_the_child() -> None:
    async with made("with_helper") as sandbox:
        helper = os.pidfd_open(int(await sandbox.call(b"", 10)))

    assert await _has_ended(helper)


async def test_a_child_that_does_not_start_in_time_is_given_up() -> None:
    async with made("slow_to_start", limits=Limits(start_seconds=0.5)) as sandbox:
        with pytest.raises(NotStarted, match=r"did not start within 0\.5 seconds"):
            await sandbox.warm_up()


async def test_a_child_knows_nothing_of_our_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMPLEBANK_KEY", "secret")

    assert b"SAMPLEBANK_KEY" not in await sandbox.call(b"environment", 10)


@pytest.fixture(scope="session")
async def shared_sandbox() -> AsyncIterator[Sandbox]:
    async with made() as sandbox:
        yield sandbox


@pytest.mark.parametrize("attempt", sorted(ATTEMPTS))
async def test_a_child_is_refused(shared_sandbox: Sandbox, tmp_path: Path, attempt: str) -> None:
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"not the child's")

    with pytest.raises(Refused, match="PermissionError"):
        await shared_sandbox.call(f"attempt:{attempt}:{stranger}".encode(), 10)


async def test_a_child_has_no_capabilities(shared_sandbox: Sandbox) -> None:
    status = (await shared_sandbox.call(b"rights", 10)).decode()

    sets = dict(re.findall(r"^Cap(\w+):\t(\w+)$", status, re.MULTILINE))
    assert sets == dict.fromkeys(("Inh", "Prm", "Eff", "Bnd", "Amb"), "0" * 16)


async def test_a_child_holds_its_line_and_its_output_and_no_other_file(shared_sandbox: Sandbox) -> None:
    held = (await shared_sandbox.call(b"name what is open", 10)).decode().split()

    assert set(held) == {"0", "1", "2"}


async def test_threads_have_an_end(shared_sandbox: Sandbox) -> None:
    assert int(await shared_sandbox.call(b"start threads", 10)) < LIMITS.threads


async def test_a_call_that_is_killed_once_is_made_again() -> None:
    async with made("Unlucky", "1") as sandbox:
        assert await sandbox.call(b"abc", 10) == b"cba"


async def test_a_call_that_is_killed_again_and_again_is_given_up() -> None:
    async with made("Unlucky", "2") as sandbox:
        with pytest.raises(Killed, match="from outside, by SIGKILL"):
            await sandbox.call(b"abc", 10)


async def test_a_call_that_the_kernel_kills_says_that_memory_may_be_missing_and_what_to_do() -> None:
    async with made("Unlucky", "2") as sandbox:
        with pytest.raises(Killed, match=r"no memory left: give the machine more, or run fewer analyses"):
            await sandbox.call(b"abc", 10)


def children() -> set[int]:
    """The children of the test's process that make calls."""
    found = set()
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(FileNotFoundError):  # the child has ended since
            if b"samplebank.sandbox.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(int(pid))
    return found


@pytest.mark.parametrize("further", [0, 7])
async def test_a_call_may_have_a_lower_priority_than_the_child(further: int) -> None:
    async with made() as sandbox:
        stat = await sandbox.call(b"figures", 10, further_niceness=further)

    # the 19th field, see proc_pid_stat(5); the second is a name in parentheses
    assert int(stat.rpartition(b")")[2].split()[16]) == LIMITS.niceness + further


async def test_a_call_whose_child_is_killed_again_and_again_is_made_by_another() -> None:
    killed: set[int] = set()
    async with made() as sandbox:
        call = asyncio.create_task(sandbox.call(b"abc", 10))
        while len(killed) < 5 and not call.done():
            for child in children() - killed:
                os.kill(child, signal.SIGKILL)
                killed.add(child)
            await asyncio.sleep(0.005)

        assert await call == b"cba"
    assert len(killed) == 5


async def test_a_call_whose_child_is_killed_before_the_child_took_the_call_is_made_by_another() -> None:
    async with made() as sandbox:
        await sandbox.warm_up()
        (child,) = children()
        os.kill(child, signal.SIGSTOP)  # so that the call lies unread in the line
        call = asyncio.create_task(sandbox.call(b"abc", 10))
        for _ in range(50):
            await asyncio.sleep(0)
        os.kill(child, signal.SIGKILL)

        assert await call == b"cba"


async def test_a_killed_call_is_made_again_however_late_its_death_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_process, "LAST_BREATH_SECONDS", 0.0)

    async with made("Unlucky", "1") as sandbox:
        assert await sandbox.call(b"abc", 10) == b"cba"


async def test_a_call_that_hangs_up_has_crashed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "OBITUARY_SECONDS", 0.5)

    with pytest.raises(Crashed, match="hung up"):
        await sandbox.call(b"hang up", 10)


async def test_a_child_writes_no_files(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "new"
    await asyncio.gather(sandbox.call(b"write:" + bytes(target), 10), return_exceptions=True)

    assert not target.exists()


async def test_a_child_reads_the_folders_it_may(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(b"MZ")

    async with made(limits=Limits(readable=(tmp_path,))) as sandbox:
        assert await sandbox.call(b"read:" + bytes(sample), 10) == b"MZ"


async def test_a_call_reads_the_file_it_is_about_and_none_beside(sandbox: Sandbox, tmp_path: Path) -> None:
    own, other = Path(os.fsdecode(bytes(tmp_path / "own") + b"\xff")), tmp_path / "other"
    for file in (own, other):
        file.write_bytes(b"MZ")

    assert await sandbox.call(b"read:" + bytes(own), 10, reads=(own,)) == b"MZ"
    with pytest.raises(Refused, match="PermissionError"):
        await sandbox.call(b"read:" + bytes(other), 10, reads=(own,))


async def test_a_child_reads_no_other_folders(tmp_path: Path) -> None:
    secret = tmp_path / "credentials"
    secret.write_bytes(b"key")
    open_folder = tmp_path / "samples"
    open_folder.mkdir()

    async with made(limits=Limits(readable=(open_folder,))) as sandbox:
        with pytest.raises(Refused, match="PermissionError"):
            await sandbox.call(b"read:" + bytes(secret), 10)


async def test_children_do_not_outlive_a_killed_parent() -> None:
    program = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from samplebank.sandbox.pool import Sandbox

        async def main():
            sandbox = Sandbox("sandbox.misbehaving:obedient", import_from=(Path({str(TESTS)!r}),))
            print((await sandbox.call(b"name your parent", 10)).decode(), flush=True)
            await sandbox.call(b"hang", 600)

        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = os.pidfd_open(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()

    assert await _has_ended(child)


async def _has_ended(pidfd: int) -> bool:
    """Wait for the kernel to say that the process is gone: the pidfd becomes readable."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(60):
            return await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
