"""The sandboxes of a worker that know the rules of hunts, and the scan of a batch in such a sandbox."""

import hashlib
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from samplebank.sandbox import Disturbed, Limits, SandboxError, TimedOut
from samplebank.sandbox.limits import LOWEST_PRIORITY
from samplebank.sandbox.pool import Sandbox
from samplebank.worker.hunting.messages import (
    ANSWER_BYTES,
    FACTORY,
    PAUSE_SECONDS,
    SCAN_BYTES,
    Bounds,
    Failure,
    Found,
    Piece,
    Scan,
    Scanned,
    decoded_reply,
    encoded,
)

#: sandboxes without work that stay for the next batch
MOST_IDLE = 4
#: the most samples that a turn fetches
MOST_FETCHED = 1_000_000
USUAL = Bounds()
WRONG = "The process of the scan answered with something that is no result."


class Scanner:
    """A sandbox that knows the rules of a hunt. Closed while nobody uses the scanner and others are newer."""

    def __init__(self, rules: str, *, sandbox_required: bool, bounds: Bounds = USUAL) -> None:
        limits = Limits(
            memory_bytes=SCAN_BYTES,
            answer_bytes=ANSWER_BYTES,
            niceness=LOWEST_PRIORITY,
            required=sandbox_required,
        )
        self.sandbox = Sandbox(FACTORY, rules, limits=limits, children=64)
        self.users = 0
        self._bounds = bounds
        #: whether the rules have taken too long before
        self._is_careful = False
        #: samples that a turn of bounded time fetches, by the pace of the turn before
        self.share = MOST_FETCHED

    async def scan(self, path: Path, pieces: list[Piece], *, seconds: float = math.inf) -> Scanned:
        """Scan the pieces in their order until the `seconds` are over: one piece at least, the others as far as the time goes.

        A piece that ends its process costs itself only: the others are scanned without it. The time of each piece is
        bounded from the first scan on that takes too long.

        Raises `Disturbed` when no piece is to blame.
        """
        found: list[Found] = []
        failures: list[Failure] = []
        end, done, most = time.monotonic() + seconds, 0, len(pieces)
        while done < len(pieces) and (not done or time.monotonic() < end):
            part = pieces[done : done + most]
            try:
                scanned = await self._once(path, part, end - time.monotonic())
            except Disturbed:
                raise
            except SandboxError as error:
                if isinstance(error, TimedOut) and not self._is_careful:
                    self._is_careful = True
                elif len(part) > 1:
                    # halves would be given up one after the other, each after its time
                    most = 1 if isinstance(error, TimedOut) else len(part) // 2
                else:
                    failures.append(Failure(done, error.reason))
                    done += 1
                continue
            found += [Found(done + one.piece, one.matches) for one in scanned.found]
            failures += [Failure(done + one.piece, one.reason) for one in scanned.failures]
            done += scanned.done
            most *= 2
        self._learn(done, len(pieces))
        return Scanned(done, found, failures)

    def _learn(self, done: int, wanted: int) -> None:
        """What was not scanned in time is fetched again in another turn. So a slow hunt fetches little more than it scans."""
        self.share = min(MOST_FETCHED, 2 * (done if done < wanted else self.share))

    async def _once(self, path: Path, pieces: list[Piece], left: float) -> Scanned:
        """One call, which pauses when the seconds that are `left` are over."""
        bounds, most = self._bounds, min(PAUSE_SECONDS, max(left, 0.0))
        if self._is_careful:
            scan = Scan(path, pieces, most, bounds.sample_seconds)
            seconds = most + bounds.sample_seconds + bounds.spare_seconds
        else:
            scan = Scan(path, pieces, min(most, bounds.scan_seconds - bounds.sample_seconds))
            seconds = bounds.scan_seconds
        message = await self.sandbox.call(encoded(scan), seconds, reads=(path,))
        try:
            reply = decoded_reply(message)
        except (msgspec.MsgspecError, RecursionError):
            raise SandboxError(WRONG) from None
        if not isinstance(reply, Scanned) or not _fits(reply, len(pieces)):
            raise SandboxError(WRONG)
        return reply


class Scanners:
    def __init__(self, *, sandbox_required: bool) -> None:
        self._required = sandbox_required
        #: by digest of the rules, the scanner used last at the end
        self._known: dict[bytes, Scanner] = {}

    @asynccontextmanager
    async def scanner(self, rules: str) -> AsyncIterator[Scanner]:
        digest = hashlib.sha256(rules.encode()).digest()
        scanner = self._known.pop(digest, None) or Scanner(rules, sandbox_required=self._required)
        self._known[digest] = scanner
        scanner.users += 1
        try:
            await self.close_idle(MOST_IDLE)
            yield scanner
        finally:
            scanner.users -= 1

    async def close_idle(self, most: int = 0) -> None:
        """Close the scanners that nobody uses, but for `most`."""
        idle = [digest for digest, scanner in self._known.items() if not scanner.users]
        # all are taken out at once: while one closes, other tasks take scanners, or close others
        closing = [self._known.pop(digest) for digest in idle[: max(0, len(idle) - most)]]
        for scanner in closing:
            await scanner.sandbox.close()


def _fits(reply: Scanned, count: int) -> bool:
    """Whether the reply tells of pieces that were asked for, and brings the scan on."""
    told: list[Found | Failure] = [*reply.found, *reply.failures]
    return 0 < reply.done <= count and all(0 <= one.piece < reply.done for one in told)
