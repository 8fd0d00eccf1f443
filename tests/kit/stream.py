"""The event stream of a tab: `with Stream(mia, f"job:{id}") as stream: stream.next()`."""

from collections.abc import Iterator
from typing import Self

import requests

from kit.bank import PATIENCE
from kit.visitor import Visitor

#: the answer of `next` when the stream has ended
END = "end"


class Stream:
    """Topics as they come. From the beginning of the block on, the service tells of changes."""

    def __init__(self, visitor: Visitor, *topics: str) -> None:
        self._response = requests.get(
            f"{visitor.url}/live",
            params=[("on", topic) for topic in topics],
            cookies=visitor.cookies,
            stream=True,
            timeout=PATIENCE,
        )
        self._topics = self._read()

    @property
    def status(self) -> int:
        return self._response.status_code

    def __enter__(self) -> Self:
        assert self.status == 200, self._response.text
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._response.close()

    def _read(self) -> Iterator[str]:
        for line in self._response.iter_lines(chunk_size=1):
            if line.startswith(b"event: "):
                yield line.removeprefix(b"event: ").decode()

    def next(self) -> str:
        """The next topic, or the end."""
        return next(self._topics, END)

    def until(self, topic: str) -> list[str]:
        """All topics up to this one."""
        found = [self.next()]
        while found[-1] not in {topic, END}:
            found.append(self.next())
        return found
