"""Taking bytes in: right digests at every size, nothing left of a broken upload, bytes durable before they have a name."""

import asyncio
import fcntl
import gc
import hashlib
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

import pytest

from kit.bank import eventually
from kit.disks import no_room
from samplebank.blobs import Area, DiskStore, HeldBack, Staged
from samplebank.blobs.folder import Folder
from samplebank.blobs.writing import AT_ONCE, PIECE, WRITE_OUT, to_the_end
from samplebank.errors import TooLarge

UNLIMITED = 1 << 40
#: bytes of a chunk as the HTTP server hands chunks on: no piece is a whole number of chunks
CHUNK = 417_792
#: calls that show in which order bytes and names become durable
DURABLE = frozenset({"write", "fsync", "rename"})


class Broken(Exception):
    """The connection of an uploader has ended."""


class Chunks:
    """Chunks of an endless body. Counts the chunks that were taken, and breaks off before chunk `breaks`."""

    def __init__(self, breaks: int | None = None) -> None:
        self.taken = 0
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken != self._breaks:
            self.taken += 1
            yield bytes(CHUNK)
        raise Broken


async def chunks_of(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    store = DiskStore(tmp_path)
    store.prepare()
    return store


@pytest.fixture
def content(size: int) -> bytes:
    return hashlib.shake_128(b"content").digest(size)


async def staged(store: DiskStore, content: bytes) -> Staged:
    return await store.stage(Area.SAMPLE, chunks_of(content), UNLIMITED)


async def kept(store: DiskStore, content: bytes) -> bytes:
    """Keep the content and discard the staged file. Returns the SHA-256."""
    bytes_ = await staged(store, content)
    await bytes_.keep()
    await bytes_.discard()
    return bytes_.digests.sha256


def files_of(store: DiskStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


SIZES = [
    *(0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, CHUNK, PIECE - 1, PIECE, PIECE + 1),
    *(2 * PIECE - 1, 2 * PIECE, 2 * PIECE + 1, 3 * CHUNK, 6 * CHUNK, WRITE_OUT + PIECE + 1),
]


@pytest.mark.parametrize("size", SIZES)
async def test_the_digests_are_those_of_the_whole_content(store: DiskStore, content: bytes) -> None:
    digests = (await staged(store, content)).digests

    assert digests.size == len(content)
    assert [digests.md5, digests.sha1, digests.sha256, digests.sha512] == [
        hashlib.new(name, content, usedforsecurity=False).digest()
        for name in ("md5", "sha1", "sha256", "sha512")
    ]


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_kept_is_the_whole_content(store: DiskStore, content: bytes) -> None:
    sha256 = await kept(store, content)

    assert store.path(Area.SAMPLE, sha256).read_bytes() == content


@pytest.mark.parametrize("size", [16 * 1024, 3 * PIECE])
async def test_what_is_not_kept_leaves_nothing(store: DiskStore, content: bytes) -> None:
    bytes_ = await staged(store, content)

    await bytes_.discard()

    assert files_of(store) == []


@pytest.mark.parametrize("breaks", [0, 1, 3, 8])
async def test_what_breaks_off_leaves_nothing(store: DiskStore, breaks: int) -> None:
    with pytest.raises(Broken):
        await store.stage(Area.SAMPLE, aiter(Chunks(breaks)), UNLIMITED)

    assert files_of(store) == []


@pytest.mark.parametrize("most", [1, CHUNK, 2 * PIECE, 9 * CHUNK])
async def test_no_more_is_taken_than_shows_that_it_is_too_much(store: DiskStore, most: int) -> None:
    chunks = Chunks()

    with pytest.raises(TooLarge):
        await store.stage(Area.SAMPLE, aiter(chunks), most)

    assert chunks.taken == most // CHUNK + 1


@pytest.mark.parametrize("most", [1, CHUNK, 2 * PIECE, 9 * CHUNK])
async def test_nothing_is_left_of_what_is_too_large(store: DiskStore, most: int) -> None:
    with pytest.raises(TooLarge):
        await store.stage(Area.SAMPLE, aiter(Chunks()), most)

    assert files_of(store) == []


async def test_an_upload_that_is_cancelled_leaves_nothing(store: DiskStore) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield bytes(PIECE)
        yield bytes(PIECE)
        reached.set()
        await never.wait()

    upload = asyncio.create_task(store.stage(Area.SAMPLE, stuck(), UNLIMITED))
    await reached.wait()
    upload.cancel()
    await asyncio.wait({upload})

    assert upload.cancelled()
    assert files_of(store) == []


async def test_a_disk_that_takes_no_bytes_lets_go_of_the_rest_of_the_body(store: DiskStore) -> None:
    # As long as anything holds the rest, the server neither reads on nor ends the connection: the next request would wait.
    body = aiter(Chunks())
    held = weakref.ref(body)

    with no_garbage_collected(), no_room():
        with suppress(OSError):
            await store.stage(Area.SAMPLE, body, UNLIMITED)
        del body
        is_free = await asyncio.to_thread(eventually, lambda: held() is None)

    assert is_free


async def test_work_in_a_thread_that_fails_lets_go_of_what_the_work_was_about() -> None:
    def fail(about: object) -> None:  # noqa: ARG001 holds what the work is about
        raise Broken

    async def work() -> "weakref.ref[Chunks]":
        about = Chunks()
        with suppress(Broken):
            await to_the_end(fail, about)
        return weakref.ref(about)

    with no_garbage_collected():
        held = await work()
        is_free = await asyncio.to_thread(eventually, lambda: held() is None)

    assert is_free


async def test_a_cancelled_caller_leaves_no_error_of_the_thread_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, fails = threading.Event(), threading.Event()

    def fail() -> None:
        began.set()
        fails.wait()
        raise Broken

    working = asyncio.create_task(to_the_end(fail))
    await asyncio.to_thread(began.wait)
    working.cancel()
    fails.set()
    await asyncio.wait({working})

    assert working.cancelled()
    del working
    gc.collect()
    assert caplog.messages == []


@contextmanager
def no_garbage_collected() -> Iterator[None]:
    """What refers to itself stays, as on a service with little to do."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_a_leftover_that_another_host_removed_meanwhile_is_passed_over(store: DiskStore) -> None:
    staging = store.folder / "staging"
    (staging / "gone").symlink_to("nowhere")  # listed, and not there to be looked at
    (staging / "left").touch()

    removed = await store.sweep(-60)

    assert (removed, (staging / "left").exists()) == (1, False)


async def test_bytes_that_came_wait_on_the_disk_while_memory_is_scarce(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, scarce=0)
    store.prepare()
    goes_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(100_000)
        await goes_on.wait()
        yield b"the end"

    upload = asyncio.create_task(store.stage(Area.SAMPLE, slow(), UNLIMITED))
    written = await asyncio.to_thread(eventually, lambda: [path.stat().st_size for path in files_of(store)])
    goes_on.set()
    staged = await upload

    assert written == [100_000]
    assert staged.digests.sha256 == hashlib.sha256(bytes(100_000) + b"the end").digest()


async def test_two_that_keep_the_same_bytes_at_once_leave_one_file(store: DiskStore) -> None:
    content = bytes(3 * PIECE)

    names = await asyncio.gather(kept(store, content), kept(store, content))

    assert files_of(store) == [store.path(Area.SAMPLE, names[0])]


async def test_a_file_of_another_size_is_replaced(store: DiskStore) -> None:
    path = store.path(Area.SAMPLE, hashlib.sha256(b"content").digest())
    path.write_bytes(b"cont")

    await kept(store, b"content")

    assert path.read_bytes() == b"content"


async def test_bytes_cannot_be_removed_while_somebody_keeps_them(store: DiskStore) -> None:
    bytes_ = await staged(store, b"content")
    await bytes_.keep()

    with pytest.raises(HeldBack):
        await store.remove(Area.SAMPLE, bytes_.digests.sha256)

    assert await store.holds(Area.SAMPLE, bytes_.digests.sha256)


async def test_bytes_cannot_be_removed_while_a_copy_by_other_means_holds_the_store(store: DiskStore) -> None:
    sha256 = await kept(store, b"content")

    with closing(Folder(store.folder)) as copying:
        copying.lock()
        with pytest.raises(HeldBack):
            await store.remove(Area.SAMPLE, sha256)

    assert await store.holds(Area.SAMPLE, sha256)


async def test_bytes_can_be_removed_when_nobody_keeps_them_any_more(store: DiskStore) -> None:
    sha256 = await kept(store, b"content")

    await store.remove(Area.SAMPLE, sha256)

    assert files_of(store) == []


async def test_a_large_file_is_synced_before_it_gets_its_name_and_its_folder_after(store: DiskStore) -> None:
    with watched() as calls:
        await kept(store, bytes(PIECE))

    assert calls == ["write", "fsync", "rename", "fsync"]


async def test_a_small_file_is_on_the_disk_before_it_gets_its_name_and_its_folder_is_synced_after(
    store: DiskStore,
) -> None:
    with watched() as calls:
        await kept(store, bytes(16 * 1024))

    assert calls == ["write through", "rename", "fsync"]


async def test_the_folder_is_synced_for_bytes_that_are_there_already(store: DiskStore) -> None:
    await kept(store, b"content")

    with watched() as calls:
        await kept(store, b"content")

    assert calls == ["fsync"]


def is_written_through(file: BinaryIO) -> bool:
    """Whether a write to the file is on the disk before the call returns."""
    return fcntl.fcntl(file, fcntl.F_GETFL) & os.O_SYNC == os.O_SYNC


@contextmanager
def watched() -> Iterator[list[str]]:
    """The names of the calls in `DURABLE` that threads make while the block lasts, in order."""
    calls: list[str] = []

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in DURABLE:
            through = called.__name__ == "write" and is_written_through(frame.f_locals["file"])
            calls.append("write through" if through else called.__name__)

    loop = asyncio.get_running_loop()
    threading.setprofile(note)  # only for threads that start from here on
    try:
        loop.set_default_executor(ThreadPoolExecutor())
        yield calls
    finally:
        threading.setprofile(None)
        loop.set_default_executor(ThreadPoolExecutor())


@pytest.mark.parametrize("size", [5000, PIECE + 1])
async def test_what_is_stored_again_repairs_what_was_damaged(store: DiskStore, content: bytes) -> None:
    name = await kept(store, content)
    path = store.path(Area.SAMPLE, name)
    path.write_bytes(b"damaged".ljust(len(content), b"\0"))
    assert not await store.is_sound(Area.SAMPLE, name)

    await kept(store, content)

    assert path.read_bytes() == content
    assert await store.is_sound(Area.SAMPLE, name)
