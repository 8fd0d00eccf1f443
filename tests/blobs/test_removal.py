"""Removing bytes: a caller of `remove` returns after the removal only, even when cancelled."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from samplebank.blobs import Area, DiskStore


def test_a_removal_that_is_cancelled_ends_only_when_the_bytes_are_gone(tmp_path: Path) -> None:
    store, name = DiskStore(tmp_path), bytes(32)
    store.prepare()
    store.path(Area.SAMPLE, name).write_bytes(b"bytes")

    waited, still_there = asyncio.run(cancelled_removal(store, name))

    assert waited
    assert not still_there


async def cancelled_removal(store: DiskStore, name: bytes) -> tuple[bool, bool]:
    """Cancel a removal while all threads are busy: (whether the removal waited for a thread, whether the bytes remain)."""
    loop, gate = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, gate.wait)
    removal = asyncio.create_task(store.remove(Area.SAMPLE, name))
    await asyncio.wait({removal}, timeout=0.01)
    removal.cancel()
    _, waiting = await asyncio.wait({removal}, timeout=0.1)
    gate.set()
    with suppress(asyncio.CancelledError):
        await removal
    await busy
    return removal in waiting, store.path(Area.SAMPLE, name).exists()
