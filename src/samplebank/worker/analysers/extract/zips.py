"""ZIP files, by the standard library."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from samplebank.worker.analysers.extract import locked, rescue
from samplebank.worker.analysers.extract.disks import is_disk
from samplebank.worker.analysers.extract.haul import LOOKED_AT, MANY, MOST_CHILD_BYTES, SAME, Haul
from samplebank.worker.analysers.extract.kinds import kind_by_name
from samplebank.worker.analysers.extract.passwords import Words, words_in
from samplebank.worker.analysers.extract.plain import BROKEN, LOST

METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
#: the entry is encrypted; its name is in UTF-8
ENCRYPTED_BIT, UTF8_BIT = 1, 0x800
#: the end of the directory of a ZIP file, without its comment; where the length of the comment stands
END_MARK, END_BYTES, COMMENT_LENGTH = b"PK\x05\x06", 22, 20
#: ends of directories that are looked at
MOST_ENDS = 20
#: where the length of the name, and the name, stand in the header in front of the bytes of an entry
NAME_LENGTH, NAME = 26, 30


def knows_all_of(data: bytes) -> bool:
    """Whether the standard library reads the directory of a ZIP file, and knows the method of each member."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as container:
            return all(entry.compress_type in METHODS for entry in container.infolist())
    except BROKEN:
        return False


def places_of_zips(data: bytes, haul: Haul) -> Iterator[tuple[int, int]]:
    """Where each of several ZIP files that stand one behind the other begins and ends, from the last one to the first.

    Some unpackers open the first one, others the last one.
    """
    end, start = len(data), len(data)
    for _ in range(MOST_ENDS):
        try:
            with zipfile.ZipFile(io.BytesIO(data[:end])) as container:
                places = [entry.header_offset for entry in container.infolist()]
                start = max(0, min(places, default=container.start_dir))
                yield start, end
        except BROKEN:
            if end == len(data):
                return
            # the bytes of the mark stand there by chance, or to mislead
        mark = data.rfind(END_MARK, 0, min(start, end - 1))
        if mark < 0:
            return
        comment = int.from_bytes(data[mark + COMMENT_LENGTH : mark + END_BYTES], "little")
        start, end = mark, min(mark + END_BYTES + comment, start)
    haul.note(MANY)


def has_zip_behind(data: bytes) -> bool:
    """Whether a ZIP file ends the data, behind something else."""
    return _last_end(data) > 0 and zipfile.is_zipfile(io.BytesIO(data))


def ends_with_zip(data: bytes, *, exactly: bool) -> bool:
    """Whether a ZIP file is the end of the data: `exactly` to the last byte, or with some bytes behind the ZIP file.

    Members and objects of containers seldom end with their container.
    """
    mark = _last_end(data)
    comment = int.from_bytes(data[mark + COMMENT_LENGTH : mark + END_BYTES], "little")
    end = mark + END_BYTES + comment
    return mark > 0 and (end == len(data) or not exactly) and zipfile.is_zipfile(io.BytesIO(data))


def _last_end(data: bytes) -> int:
    """Where the last end of a directory stands that a comment may follow; -1 where none stands."""
    return data.rfind(END_MARK, max(0, len(data) - 66_000))


def words_of_comment(data: bytes) -> list[str]:
    """The words that the comment of a ZIP file gives as passwords."""
    mark = _last_end(data)
    return words_in(data[mark + END_BYTES :].decode("utf-8", "replace")) if mark >= 0 else []


def open_zip(data: bytes, haul: Haul, words: Words, *, is_first: bool = True) -> None:
    """Open a ZIP file. Members that programs and scripts are expected in come first.

    `is_first`: no other ZIP file stands in front.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        entries = container.infolist()
        known = {entry.header_offset: entry.compress_size for entry in entries}
        places, rescuer = set[int](), rescue.Rescue(data, haul)
        # A name with a slash at the end is no folder for Android and Java, where bytes stand behind the name.
        files = [entry for entry in entries if entry.file_size or not entry.is_dir()]
        for entry in sorted(files, key=lambda entry: (kind_by_name(entry.filename), entry.filename)):
            if not haul.begin(entry.filename, entry.file_size, entry.compress_size):
                _look_at_large(container, entry, data, haul, words)
                continue
            if entry.header_offset in places:
                haul.pass_over(entry.filename, entry.file_size, SAME)
                continue
            try:
                entry.orig_filename = _name_in_front(data, entry)
                _take_entry(container, entry, data, haul, words)
                places.add(entry.header_offset)
            except LOST as error:
                place = rescuer.take(entry.filename, error, entry.header_offset)
                if place is None:
                    haul.fail(entry.filename, entry.file_size, error)
                else:
                    known[place] = entry.compress_size
    if is_first:
        rescue.take_left_out(data, known, haul)


def _look_at_large(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes, haul: Haul, words: Words
) -> None:
    """Take what stands before the padding of a member that is too large."""
    if entry.file_size <= MOST_CHILD_BYTES or not haul.may_look():
        return
    with suppress(RuntimeError, *LOST):
        if not entry.flag_bits & ENCRYPTED_BIT:
            with container.open(entry) as stream:
                haul.take_padded(entry.filename, stream.read(LOOKED_AT), "zip")
            return
        for word in words.to_try() if is_disk(entry.file_size) else ():
            content = locked.unlocked(container, entry, data, word)
            if content is not None:
                haul.password_used = word
                haul.take_padded(entry.filename, content, "zip")
                return


def _name_in_front(data: bytes, entry: zipfile.ZipInfo) -> str:
    """The name in front of the bytes of an entry. Unpackers go by the name in the directory, and zipfile refuses another name in front."""
    place = entry.header_offset
    length = int.from_bytes(data[place + NAME_LENGTH : place + NAME_LENGTH + 2], "little")
    name = data[place + NAME : place + NAME + length]
    return name.decode("utf-8" if entry.flag_bits & UTF8_BIT else "cp437")


def _take_entry(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes, haul: Haul, words: Words
) -> None:
    if not entry.flag_bits & ENCRYPTED_BIT:
        with container.open(entry) as stream:
            haul.read(stream, entry.filename, "zip", packed=entry.compress_size)
        return
    content = _read_without_word(container, entry)
    if content is not None:
        haul.take(entry.filename, content, "zip")
        return
    ways = (
        partial(locked.unlocked, container, entry, data),
        partial(locked.unlocked_without_sum, entry, data),
    )
    for is_damaged, unlock in enumerate(ways):
        for word in words.to_try():
            content = unlock(word)
            if content is None:
                continue
            words.prefer(word)
            haul.password_used = word
            if is_damaged:
                haul.damage(entry.filename, locked.WRONG_SUM)
            haul.take(entry.filename, content, "zip")
            return
    haul.lock(entry.filename, entry.file_size)


def _read_without_word(container: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    """The bytes of an entry that only claims to be encrypted: Java and Android do not look at the claim. The check sum tells."""
    entry.flag_bits &= ~ENCRYPTED_BIT
    try:
        return container.read(entry)
    except (RuntimeError, *LOST):
        return None
    finally:
        entry.flag_bits |= ENCRYPTED_BIT
