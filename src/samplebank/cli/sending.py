"""Sends files to the service, each with its submission. Files are read in pieces, never whole."""

import hashlib
import mimetypes
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event, Semaphore
from typing import BinaryIO, Final, Literal, NamedTuple

import msgspec

from samplebank.cli.answers import Challenge, SentFile, Token
from samplebank.cli.client import Client, Content, fits
from samplebank.cli.text import shown
from samplebank.errors import Refusal, Unauthenticated, Unavailable
from samplebank.files import regular

PIECE: Final = 256 * 1024
#: from this size on, the client asks whether the service has the bytes, before the bytes travel
ASK_FIRST: Final = 1024 * 1024

NOT_SENT: Final = "The run ended before this file was sent."
MAYBE_SENT: Final = "The service was lost while this file was sent; it may have got it."

Advance = Callable[[int], None]


class FailedAnalysis(msgspec.Struct, frozen=True):
    """An analysis that a worker could not make, with the worker's reason."""

    worker: str
    message: str | None


class Outcome(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome for a file, in the shape of `samplebank submit --json`."""

    path: str
    status: Literal["submitted", "similar", "failed"]
    size: int | None = None
    sha256: str | None = None
    customer: str | None = None
    submission: str | None = None
    job: str | None = None
    job_state: str | None = None
    type: str | None = None
    verdict: str | None = None
    score: int | None = None
    tags: list[str] = []
    failed_analyses: list[FailedAnalysis] = []
    error: str | None = None


class FoundFiles(NamedTuple):
    """The files to submit below some paths, the folders that cannot be read, and the entries that are no files."""

    files: list[Path]
    unreadable: list[Outcome]
    passed_over: list[Path]


def files_below(paths: Iterable[Path]) -> FoundFiles:
    """Find the named files, and the files in the named folders. Links found in folders are not followed."""
    files: dict[Path, None] = {}
    found = FoundFiles([], [], [])
    for path in paths:
        status = _status(path)
        below = _below(path, found) if status and stat.S_ISDIR(status.st_mode) else [path]
        files.update(dict.fromkeys(below))
    found.files.extend(files)
    return found._replace(passed_over=list(dict.fromkeys(found.passed_over)))


def _below(folder: Path, found: FoundFiles) -> list[Path]:
    def note(error: OSError) -> None:
        said = f"The folder cannot be read: {error.strerror}."
        found.unreadable.append(Outcome(shown(error.filename), "failed", error=said))

    files = []
    for place, folders, names in os.walk(folder, onerror=note):
        entries = [Path(place, name) for name in names]
        # An entry that cannot be looked at fails when sent, with the reason.
        regular = [entry for entry in entries if _may_be_file(entry)]
        files += regular
        found.passed_over.extend(sorted(set(entries) - set(regular)))
        found.passed_over.extend(sorted(Path(place, name) for name in folders if _is_link(Path(place, name))))
    return sorted(files)


def _may_be_file(entry: Path) -> bool:
    status = _status(entry, follow=False)
    return status is None or stat.S_ISREG(status.st_mode)


def _is_link(entry: Path) -> bool:
    status = _status(entry, follow=False)
    return status is not None and stat.S_ISLNK(status.st_mode)


def _status(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Look at a path. None where looking is impossible, for whatever reason."""
    try:
        return path.stat(follow_symlinks=follow)
    except OSError:
        return None


def size_of(path: Path) -> int:
    """Give the size of a file, in bytes; 0 for a path that is no file."""
    status = _status(path)
    return status.st_size if status and stat.S_ISREG(status.st_mode) else 0


class Sent(NamedTuple):
    """The outcomes of files, in the order of the files. `end` tells why the run ended before all files were sent."""

    outcomes: list[Outcome]
    end: Refusal | KeyboardInterrupt | None


class _Stopped(Exception):
    """The run ends while the file is being sent."""


def send_all(
    client: Client, files: Sequence[Path], fields: Mapping[str, object], *, parallel: int, advance: Advance
) -> Sent:
    """Submit the files, several at a time, until all are sent or a bad key, a lost service or Ctrl-C ends the run.

    After an early end no more bytes are sent. Answers that the service is about to give are waited for, because the
    service has done the work.
    """
    stop = Event()
    turns = Semaphore(0)

    def advance_or_stop(sent: int) -> None:
        if stop.is_set():
            raise _Stopped
        advance(sent)

    def send_in_turn(path: Path) -> Outcome:
        turns.acquire()
        if stop.is_set():
            raise _Stopped
        return send(client, path, fields=fields, advance=advance_or_stop)

    end: Refusal | KeyboardInterrupt | None = None
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        futures = [pool.submit(send_in_turn, path) for path in files]
        try:
            # Turns come from this thread, which feels Ctrl-C: after Ctrl-C no other thread begins a file.
            turns.release(parallel)
            for future in as_completed(futures):
                if future.exception():
                    break
                turns.release()
        except KeyboardInterrupt as interruption:
            end = interruption
        stop.set()
        for future in futures:
            future.cancel()
        turns.release(parallel)
    end = end or next((error for future in futures if isinstance(error := _error(future), Refusal)), None)
    return Sent([_told(future, path) for future, path in zip(futures, files, strict=True)], end)


def _error(future: Future[Outcome]) -> BaseException | None:
    return None if future.cancelled() else future.exception()


def _told(future: Future[Outcome], path: Path) -> Outcome:
    if future.cancelled():
        return Outcome(shown(path), "failed", error=NOT_SENT)
    match future.exception():
        case None:
            return future.result()
        case Refusal():
            return Outcome(shown(path), "failed", error=MAYBE_SENT)
        case _Stopped():
            return Outcome(shown(path), "failed", error=NOT_SENT)
        case fault:
            raise fault


def send(client: Client, path: Path, *, fields: Mapping[str, object], advance: Advance) -> Outcome:
    """Submit a file. A fault that concerns the whole run, a bad key or a lost service, is raised."""
    name = shown(path)
    try:
        return _submitted(client, path, Outcome(name, "submitted"), fields, advance)
    except (Unauthenticated, Unavailable):
        raise
    except Refusal as refusal:
        return Outcome(name, "failed", error=str(refusal))
    except OSError as error:
        return Outcome(name, "failed", error=f"The file cannot be read: {error.strerror or error}.")


def _submitted(
    client: Client, path: Path, outcome: Outcome, fields: Mapping[str, object], advance: Advance
) -> Outcome:
    content = _FileContent(path, advance)
    kind, _ = mimetypes.guess_type(path.name)
    said = {"fileName": Path(outcome.path).name, **({"mimeType": kind} if kind else {}), **fields}
    sent = _submitted_by_challenge(client, path, content, said) or _sent(client, content, said)
    return msgspec.structs.replace(
        outcome,
        status="submitted" if sent.id else "similar",
        size=content.size,
        sha256=sent.sample_sha256,
        submission=sent.id,
        job=sent.job_id,
        customer=sent.customer.short_name if sent.customer else None,
    )


def _sent(client: Client, content: "_FileContent", said: Mapping[str, object]) -> SentFile:
    body = Content(content.chunks, content.size)
    if fits(said):
        # The key is the same for each try of the client, and another one for each run.
        return client.send_file(body, said, secrets.token_hex(16))
    upload = client.upload(body)
    return _stored(client, upload.sample.id, upload.challenge, said)


def _submitted_by_challenge(
    client: Client, path: Path, content: "_FileContent", said: Mapping[str, object]
) -> SentFile | None:
    """Submit a large file that the service has, by a challenge. None when the bytes have to be sent."""
    if content.size < ASK_FIRST:
        return None
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    challenge = client.challenge(sha256)
    if challenge is None:
        return None
    content.skip()
    return _stored(client, sha256, _solve(path, challenge), said)


def _stored(client: Client, sha256: str, token: Token, said: Mapping[str, object]) -> SentFile:
    submission = client.submit(sha256, token, said)
    return SentFile(sha256, submission.id, submission.customer) if submission else SentFile(sha256)


def _solve(path: Path, challenge: Challenge) -> Token:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(challenge.offset)
        for piece in _pieces(file, challenge.length):
            digest.update(piece)
    return Token(challenge.id, digest.hexdigest())


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length and (piece := file.read(min(PIECE, length))):
        length -= len(piece)
        yield piece


class _FileContent:
    """The bytes of a file, as often as the bytes have to be sent. Tells how many bytes went."""

    def __init__(self, path: Path, advance: Advance) -> None:
        self.size = regular(path).st_size
        self._path = path
        self._advance = advance
        self._sent = 0

    def chunks(self) -> Iterator[bytes]:
        self._tell(0)
        with self._path.open("rb") as file:
            for piece in _pieces(file, self.size):
                # Told before the piece goes: a run that ends may break off before the last piece, and not after all bytes.
                self._tell(self._sent + len(piece))
                yield piece
        if self._sent < self.size:
            raise OSError("it became shorter while it was sent")

    def skip(self) -> None:
        self._tell(self.size)

    def _tell(self, sent: int) -> None:
        self._advance(sent - self._sent)
        self._sent = sent
