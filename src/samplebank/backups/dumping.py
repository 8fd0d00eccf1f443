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
from samplebank.database.programs import Address, address_of, find_program
from samplebank.errors import Unavailable

#: the fastest compression that every version of PostgreSQL has; extensions of others may be missing where a backup comes back
DUMP = ("--format=custom", "--compress=1", "--no-password", f"--extension={EXTENSION}")
#: all or nothing; roles of the former server need not exist here, and an extension may belong to an administrator
RESTORE = (
    "--single-transaction",
    "--exit-on-error",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-password",
)
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
    """Bring a dump back into an empty database with the schemas `there`, in one transaction. Raises `Unavailable`."""
    address, program = address_of(url), find_program("pg_restore", major)
    made_already = re.compile(SCHEMA % b"|".join(re.escape(name.encode()) for name in there), re.MULTILINE)
    with tempfile.NamedTemporaryFile() as chosen:
        async with running((program, "--list", str(path)), address) as process:
            assert process.stdout is not None  # noqa: S101 a pipe
            chosen.write(made_already.sub(b"", await process.stdout.read()))
        chosen.flush()
        command = (
            program,
            *RESTORE,
            f"--use-list={chosen.name}",
            f"--dbname={address.url}",
            str(path),
        )
        async with running(command, address):
            pass


@asynccontextmanager
async def running(command: tuple[str, ...], address: Address) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program for as long as the block lasts. Raises `Unavailable` with the words of a program that fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
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
