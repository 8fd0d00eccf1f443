"""Runs `pg_dump` and `pg_restore`, the former through a pipe, so that size and digest of the dump are known at once."""

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from samplebank.backups.copying import NICENESS
from samplebank.backups.manifest import PIECE, Summed
from samplebank.backups.schemas import EXTENSION
from samplebank.blobs.writing import write_all
from samplebank.database.programs import Address, address_of, find_newest, find_program, version_of
from samplebank.errors import Unavailable

#: the fastest compression that every version of PostgreSQL has; extensions of others may be missing where a backup comes back
DUMP = ("--format=custom", "--compress=1", "--no-password", f"--extension={EXTENSION}")
#: all or nothing; roles of the former server need not exist here, and an extension may belong to an administrator
RESTORE = ("--no-owner", "--no-privileges", "--no-comments", "--no-password")
WHOLE = ("--single-transaction", "--exit-on-error")
PSQL = (
    "--no-psqlrc",
    "--quiet",
    "--no-password",
    "--single-transaction",
    "--set=ON_ERROR_STOP=1",
    "--output=/dev/null",
    "--file=-",
)
#: what `pg_restore` tells every server from its version 17 on, and the first version of the server that knows the setting
TIMEOUT, KNOWS_TIMEOUT = b"SET transaction_timeout = 0;\n", 17
#: an entry of a list of `pg_restore` by which one of some schemas is made
SCHEMA = rb"^\d+; \d+ \d+ SCHEMA - (%s) .*\n"
#: characters of the complaints of a program that are told
TOLD = 600


async def dump(
    url: str, major: int, snapshot: str, path: Path, tell: Callable[[int], None], *, others: Iterable[str]
) -> Summed:
    """Write the database as of a snapshot, without `others` (schemas).

    `tell` hears of the bytes written so far. Raises `Unavailable`.
    """
    address = address_of(url)
    command = (
        find_program("pg_dump", major),
        *DUMP,
        *(f"--exclude-schema={name}" for name in others),
        f"--snapshot={snapshot}",
        f"--dbname={address.url}",
    )
    digest, size = hashlib.sha256(), 0
    with path.open("wb", buffering=0) as file:
        async with running(command, address) as process:
            assert process.stdout is not None  # noqa: S101 a pipe
            while piece := await process.stdout.read(PIECE):
                digest.update(piece)
                await asyncio.to_thread(write_all, file, piece)
                size += len(piece)
                tell(size)
        os.fsync(file.fileno())
    return Summed(size, digest.hexdigest())


async def restore(url: str, major: int, path: Path, there: Iterable[str]) -> None:
    """Bring a dump back into an empty database with the schemas `there`, in one transaction. Raises `Unavailable`.

    The program is of the version of the server. Where a newer version has written the dump, the newest program reads the dump.
    """
    address, program = address_of(url), find_program("pg_restore", major)
    try:
        entries = await _entries(program, address, path)
    except Unavailable:
        program = find_newest("pg_restore", major)
        entries = await _entries(program, address, path)
    made_already = re.compile(SCHEMA % b"|".join(re.escape(name.encode()) for name in there), re.MULTILINE)
    with tempfile.NamedTemporaryFile() as chosen:
        chosen.write(made_already.sub(b"", entries))
        chosen.flush()
        chosen_only = f"--use-list={chosen.name}"
        if major < KNOWS_TIMEOUT <= version_of(program):
            await restore_by_script(program, address, (chosen_only, str(path)))
            return
        command = (program, *RESTORE, *WHOLE, chosen_only, f"--dbname={address.url}", str(path))
        async with running(command, address):
            pass


async def _entries(program: str, address: Address, path: Path) -> bytes:
    async with running((program, "--list", str(path)), address) as process:
        assert process.stdout is not None  # noqa: S101 a pipe
        return await process.stdout.read()


async def restore_by_script(program: str, address: Address, what: tuple[str, ...]) -> None:
    """Bring a dump back by `psql`, without a setting that `pg_restore` makes and that the server does not know.

    `psql` commits at the end of the script. So `psql` is told of the end only after `pg_restore` has ended well.
    """
    psql = (str(Path(program).with_name("psql")), *PSQL, f"--dbname={address.url}")
    async with running(psql, address, stdin=asyncio.subprocess.PIPE) as taking:
        assert taking.stdin is not None  # noqa: S101 a pipe
        # Where `psql` has ended before the script, the words of `psql` tell why.
        with suppress(BrokenPipeError, ConnectionResetError):
            async with running((program, *RESTORE, "--file=-", *what), address) as giving:
                async for piece in _without_timeout(giving):
                    taking.stdin.write(piece)
                    await taking.stdin.drain()
        taking.stdin.close()


async def _without_timeout(giving: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    """The script of a program without the line that sets the time-out, which comes before all data."""
    assert giving.stdout is not None  # noqa: S101 a pipe
    try:
        head = await giving.stdout.readuntil(TIMEOUT)
    except asyncio.IncompleteReadError as end:  # the program has failed, and its words tell why
        head = end.partial
    yield head.removesuffix(TIMEOUT)
    while piece := await giving.stdout.read(PIECE):
        yield piece


@asynccontextmanager
async def running(
    command: tuple[str, ...], address: Address, *, stdin: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program for as long as the block lasts. Raises `Unavailable` with the words of a program that fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            env=address.environment,
        )
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            yield process
            code = await process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            # The end of a process is told when its pipe has been read to the end: to wait alone would be to wait for ever.
            await process.communicate()
            raise
        if code:
            raise Unavailable(f"{Path(command[0]).name} failed: {_words(complaints)}")


def _words(complaints: IO[str]) -> str:
    complaints.seek(0)
    return complaints.read().strip()[-TOLD:] or "no reason was told."
