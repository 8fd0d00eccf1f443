"""Forms with files, read as they come: nothing of a file is held in memory."""

import re
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from samplebank.errors import Malformed, TooLarge, Unsupported
from samplebank.web.visit import NO_FORM, Visit

BOUNDARY: Final = re.compile(r"""multipart/form-data\s*;.*?boundary=("?)([^";]{1,70})\1""", re.IGNORECASE)
#: the most parts of a form, and the most bytes of all fields that are no files
MOST_PARTS: Final = 2_000
MOST_TEXT: Final = 64 * 1024
NOT_A_FORM: Final = "The request holds no form with files: load the page again, and send the form again."
LATE: Final = (
    "The field {} comes behind the files of the form. The fields of a form that sends files come first."
)
#: the head of a part, bytes of the part, or its end
Event: TypeAlias = MultipartSegment | bytearray | None


class FormWithFiles:
    """A form. `fields` are known when the first file comes."""

    def __init__(self, visit: Visit) -> None:
        found = BOUNDARY.match(visit.header(b"content-type") or "")
        if found is None:
            raise Unsupported(NOT_A_FORM)
        self.fields: dict[str, str] = {}
        self._left = MOST_TEXT
        self._events = _parsed(visit.chunks(), found[2])
        self._is_in_file = False

    async def files(self) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """The names of the files, and their bytes. What is left unread of a file is passed over. Raises `Malformed`."""
        has_files = False
        async for part in self._events:
            if not isinstance(part, MultipartSegment):
                continue  # the bytes of a file that was given up
            if part.filename is None:
                name = part.name or ""
                if has_files:
                    raise Malformed(LATE.format(name[:100]))
                self.fields[name] = await self._text()
            elif part.filename:
                has_files = True
                self._is_in_file = True
                yield part.filename.replace("\0", ""), self._content()
                await self._pass_over()

    async def _content(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            if event is None:
                self._is_in_file = False
                return
            if not isinstance(event, MultipartSegment):
                yield bytes(event)

    async def _pass_over(self) -> None:
        while self._is_in_file:
            async for _ in self._content():
                pass

    async def _text(self) -> str:
        held = bytearray()
        self._is_in_file = True
        async for piece in self._content():
            held += piece
            self._left -= len(piece)
            if self._left < 0:
                raise TooLarge(f"The fields of the form have more than {MOST_TEXT} bytes: write less.")
        return held.decode("utf-8", "replace").replace("\0", "")


async def _parsed(chunks: AsyncIterator[bytes], boundary: str) -> AsyncIterator[Event]:
    parser = PushMultipartParser(boundary.encode("latin-1"), max_segment_count=MOST_PARTS)
    try:
        async for chunk in chunks:
            for event in parser.parse(chunk):
                yield event
        parser.close()
    except MultipartError as error:
        raise Malformed(NO_FORM) from error
