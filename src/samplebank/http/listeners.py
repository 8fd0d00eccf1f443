"""Clients who listen for a long time, in a process: so many of a user at most, and all sent away when the service stops."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from samplebank.errors import TooMany
from samplebank.http.places import Places


class Listener(Protocol):
    @property
    def user_id(self) -> int: ...

    def end(self) -> None: ...


L = TypeVar("L", bound=Listener)


class Listeners(Generic[L]):
    """The listeners of a kind: `most` of each user. A further listener is told `crowded`, and to come again after `wait`."""

    def __init__(self, most: int, crowded: str, *, wait: int) -> None:
        self._places = Places(most)
        self._crowded = crowded
        self._wait = wait
        self._is_closed = False
        self._present: set[L] = set()

    @contextmanager
    def joined(self, listener: L) -> Iterator[None]:
        """Count the client among the listeners for as long as the block lasts. Raises `TooMany`."""
        if not self._places.enter(listener.user_id):
            raise TooMany(self._crowded, wait=self._wait)
        self._present.add(listener)
        if self._is_closed:
            listener.end()
        try:
            yield
        finally:
            self._present.discard(listener)
            self._places.leave(listener.user_id)

    def close(self) -> None:
        """Send all listeners away, and each later listener at once, so that the service can stop."""
        self._is_closed = True
        for listener in self._present:
            listener.end()
