"""The programs of PostgreSQL that write and read a backup: whatever happens, none is waited for without end."""

import asyncio
import os

import pytest

from samplebank.backups import dumping
from samplebank.database.programs import Address

ENDLESS = ("yes",)


async def fail_with_much_unread() -> None:
    """What a full disk does to a dump: the program writes on, and asyncio reads no further, as nobody takes what was read."""
    async with dumping.running(ENDLESS, Address("", dict(os.environ))) as process:
        while not getattr(process.stdout, "_paused", False):
            await asyncio.to_thread(os.sched_yield)
        raise OSError("full")


async def test_a_program_ends_with_a_disk_that_takes_no_more_of_its_words() -> None:
    with pytest.raises(OSError, match="full"):
        await asyncio.wait_for(fail_with_much_unread(), timeout=60)
