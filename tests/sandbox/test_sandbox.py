"""Sandbox children that keep or break the rules, and what their parent makes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from samplebank.sandbox import Crashed, Limits, NotStarted, OutOfMemory, Refused, Sandbox, TimedOut

HERE = Path(__file__).parent
MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=512 * MIB, answer_bytes=MIB)


def made(
    factory: str = "obedient", argument: str = "", limits: Limits = LIMITS, children: int = 1
) -> Sandbox:
    return Sandbox(f"misbehaving:{factory}", argument, limits=limits, children=children, import_from=(HERE,))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with made() as sandbox:
        yield sandbox


async def test_an_answer_comes_back(sandbox: Sandbox) -> None:
    assert await sandbox.call(b"stressed", 10) == b"desserts"


async def test_the_factory_gets_its_argument() -> None:
    async with made(argument="{}") as sandbox:
        assert await sandbox.call(b"argument", 10) == b"{}"


async def test_one_child_answers_many_calls(sandbox: Sandbox) -> None:
    first = await sandbox.call(b"name yourself", 10)

    assert await sandbox.call(b"name yourself", 10) == first


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
    """What this process has open that it shares with children: sockets and files without a name."""
    opened = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return {target for target in opened if target.endswith("(deleted)") or target.startswith("socket:")}


async def test_a_child_is_replaced_after_its_number_of_calls() -> None:
    async with made(limits=Limits(calls_per_child=1)) as sandbox:
        first = await sandbox.call(b"name yourself", 10)

        assert await sandbox.call(b"name yourself", 10) != first


async def test_a_hanging_parser_is_ended_at_its_deadline(sandbox: Sandbox) -> None:
    with pytest.raises(TimedOut, match=r"^The analysis took longer than 0\.2 seconds\.$"):
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
    pid = int(await sandbox.call(b"name yourself", 10))
    child = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    await _has_ended(child)

    assert int(await sandbox.call(b"name yourself", 10)) != pid


async def test_a_cancelled_call_ends_its_child(sandbox: Sandbox) -> None:
    pid = int(await sandbox.call(b"name yourself", 10))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await sandbox.call(b"hang", 60)

    assert int(await sandbox.call(b"name yourself", 10)) != pid


async def test_calls_share_the_children(sandbox: Sandbox) -> None:
    names = await asyncio.gather(sandbox.call(b"name yourself", 10), sandbox.call(b"name yourself", 10))

    assert names[0] == names[1]


async def test_two_children_answer_at_the_same_time() -> None:
    async with made(children=2) as sandbox:
        hanging = asyncio.create_task(sandbox.call(b"hang", 60))

        assert await sandbox.call(b"abc", 10) == b"cba"
        hanging.cancel()
        await asyncio.wait({hanging})


async def test_a_factory_that_fails_is_no_fault_of_the_request() -> None:
    async with made("without_start", "no model here") as sandbox:
        with pytest.raises(NotStarted, match="ValueError: no model here"):
            await sandbox.call(b"abc", 10)


async def test_a_child_that_does_not_start_in_time_is_given_up() -> None:
    async with made("slow_to_start", limits=Limits(start_seconds=0.5)) as sandbox:
        with pytest.raises(NotStarted, match=r"did not start within 0\.5 seconds"):
            await sandbox.warm_up()


async def test_a_child_knows_nothing_of_our_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMPLEBANK_KEY", "secret")

    assert b"SAMPLEBANK_KEY" not in await sandbox.call(b"environment", 10)


@pytest.mark.parametrize("misdeed", [b"connect", b"start a program", b"fork", b"kill the parent"])
async def test_a_child_reaches_neither_network_nor_programs_nor_processes(
    sandbox: Sandbox, misdeed: bytes
) -> None:
    with pytest.raises(Refused, match=r"PermissionError|OSError"):
        await sandbox.call(misdeed, 10)


async def test_a_child_writes_no_files(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "new"
    await asyncio.gather(sandbox.call(b"write:" + bytes(target), 10), return_exceptions=True)

    assert not target.exists()


async def test_a_child_reads_the_folders_it_may(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(b"MZ")

    async with made(limits=Limits(readable=(tmp_path,))) as sandbox:
        assert await sandbox.call(b"read:" + bytes(sample), 10) == b"MZ"


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
        from samplebank.sandbox import Sandbox

        async def main():
            sandbox = Sandbox("misbehaving:obedient", import_from=(Path({str(HERE)!r}),))
            print((await sandbox.call(b"name yourself", 10)).decode(), flush=True)
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
    """Wait for the kernel to say that the process is gone: its pidfd becomes readable."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(10):
            return await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
