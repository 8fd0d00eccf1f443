"""Bodies of requests: how slowly bodies may come, and how much memory all bodies may take together."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from samplebank.errors import TooMany, TooSlow, Unavailable
from samplebank.http.deadlines import Deadline

#: bytes a second that a body must bring on average, once the client has used up the patience of the service
RATE = 8 * 1024
#: seconds for handing over bytes that have arrived already
AT_HAND = 0.1
#: bytes of all bodies that one process holds in memory
MEMORY = 128 * 1024**2
#: bytes of the bodies of a single user, unless a single body may be larger
SHARE = MEMORY // 4
#: seconds after which a user who has too many bodies under way may come again
COME_AGAIN = 5
MINE = "Too many of your bodies are under way at once; wait until some of your requests are answered."
SLOW = "The body came too slowly and was given up: send it again without a pause."
FULL = "The service has too many bodies to read at the moment; try again in a moment."


class Pace:
    """Waits for the parts of a body. Only the time that the client takes counts."""

    __slots__ = ("_left", "_patience")

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._left = patience

    async def next(self, receive: Callable[[], Awaitable[Any]]) -> Any:
        """The next message. Raises `TooSlow`."""
        began = time.monotonic()
        try:
            with Deadline(max(self._left, AT_HAND)):
                message = await receive()
        except TimeoutError:
            raise TooSlow(SLOW) from None
        if not message.get("more_body"):
            return message
        earned = len(message.get("body", b"")) / RATE
        self._left = min(self._patience, self._left + earned - (time.monotonic() - began))
        if self._left < 0:
            raise TooSlow(SLOW)
        return message


class Memory:
    """The bytes of bodies in a process, held until the requests are answered: at most `most`, and `each` for a user."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._held = 0
        self._users: dict[int, int] = {}

    def take(self, size: int, user_id: int) -> None:
        """Take room for `size` bytes. Raises `TooMany` without room for the user, `Unavailable` without room for all."""
        mine = self._users.get(user_id, 0) + size
        if mine > self._each:
            raise TooMany(MINE, wait=COME_AGAIN)
        if self._held + size > self._most:
            raise Unavailable(FULL)
        self._held += size
        self._users[user_id] = mine

    def give(self, size: int, user_id: int) -> None:
        self._held -= size
        self._users[user_id] -= size
        if not self._users[user_id]:
            del self._users[user_id]
