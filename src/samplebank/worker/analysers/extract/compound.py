"""Embedded files of compound files (OLE): objects of documents, attachments of Outlook mails. Needs the package olefile."""

import io
import struct
from collections.abc import Iterator
from typing import Any

from samplebank.worker.analysers.extract import powerpoint
from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import Kind, kind_of
from samplebank.worker.analysers.extract.passwords import words_in

olefile = installed("olefile")

NATIVE = "\x01ole10native"
PACKAGES = frozenset({"package", "contents", "embeddedodf", "embedded odf"})
ATTACHMENT, MAIL_MARK = "__attach_version1.0_", "__properties_version1.0"
#: streams of an attachment: the bytes; the long and the short name, in UTF-16 and in one byte
BYTES = "__substg1.0_37010102"
NAMES = ("__substg1.0_3707001f", "__substg1.0_3704001f", "__substg1.0_3707001e", "__substg1.0_3704001e")
#: the subject and the text of a mail, of the mails in attachments as well
TEXTS = ("__substg1.0_0037001f", "__substg1.0_1000001f", "__substg1.0_0037001e", "__substg1.0_1000001e")
#: classes of installers, of patches and of transforms
INSTALLERS = ("000C1084", "000C1086", "000C1082")
MOST_STREAM = 128 * 1024 * 1024
LONGEST_NAME = 260
#: what olefile raises for damaged files
BROKEN = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    struct.error,
    RecursionError,
    OverflowError,
)


def can_open() -> bool:
    return olefile is not None


def is_installer(data: bytes) -> bool:
    """Whether a compound file is an installer of Windows, by the class of its root."""
    with olefile.OleFileIO(io.BytesIO(data)) as container:
        return str(container.root.clsid).upper().startswith(INSTALLERS)


def open_compound(data: bytes, haul: Haul) -> None:
    """Take what is embedded. The streams of the document itself are no files."""
    with olefile.OleFileIO(io.BytesIO(data)) as container:
        streams = ["/".join(entry) for entry in container.listdir(streams=True, storages=False)]
        if any(name.lower() == MAIL_MARK for name in streams):
            _open_mail(container, streams, haul)
        for name in streams:
            last = name.rpartition("/")[2].lower()
            if last == NATIVE:
                _take_native(name, _read(container, name), haul)
            elif last in PACKAGES:
                _take_object(name, _read(container, name), haul)
            elif last == powerpoint.STREAM:
                for number, content in enumerate(powerpoint.objects(_read(container, name))):
                    _take_object(f"object-{number}", content, haul)


def _take_object(name: str, content: bytes, haul: Haul) -> None:
    if kind_of("", content) is not Kind.LISTED and haul.begin(name, len(content)):
        haul.take(name, content, "ole")


def _take_native(name: str, content: bytes, haul: Haul) -> None:
    """Take the file of an object of the class Package."""
    found = native_of(content)
    if found is not None and haul.begin(found[0] or name, len(found[1])):
        haul.take(found[0] or name, found[1], "ole")


def native_of(stream: bytes) -> tuple[str, bytes] | None:
    """The name and the bytes of the file in a stream Ole10Native; None where the stream holds none.

    The stream has its size (4 bytes), flags (2), label, file name, flags (4), length and path of a temporary file, length
    and bytes of the file. Objects of other classes have bytes behind the size at once.
    """
    try:
        label, place = _text(stream, 6)
        file_name, place = _text(stream, place)
        (length,) = struct.unpack_from("<I", stream, place + 4)
        place += 8 + length
        (size,) = struct.unpack_from("<I", stream, place)
    except (ValueError, struct.error):
        return None
    content = stream[place + 4 : place + 4 + size]
    return (label or file_name, content) if content and length <= LONGEST_NAME * 4 else None


def _text(stream: bytes, place: int) -> tuple[str, int]:
    end = stream.index(b"\0", place, place + LONGEST_NAME)
    return stream[place:end].decode("cp1252", "replace"), end + 1


def _open_mail(container: Any, streams: list[str], haul: Haul) -> None:
    """Take the attachments of a mail, and those of the mails in its attachments, which have no bytes of their own."""
    words = "\n".join(words_in("\n".join(_texts(container, streams)))) or None
    folders = dict.fromkeys(
        name.rpartition("/")[0]
        for name in streams
        if name.rpartition("/")[0].lower().rpartition("/")[2].startswith(ATTACHMENT)
    )
    for number, folder in enumerate(folders):
        own = {name.rpartition("/")[2].lower(): name for name in streams if name.rpartition("/")[0] == folder}
        if BYTES not in own:
            continue
        content = _read(container, own[BYTES])
        path = _name(container, own) or f"attachment-{number}"
        if haul.begin(path, len(content)):
            haul.take(path, content, "msg", password=words)


def _name(container: Any, own: dict[str, str]) -> str:
    for stream in NAMES:
        if stream in own:
            return _decoded(stream, _read(container, own[stream]))
    return ""


def _texts(container: Any, streams: list[str]) -> Iterator[str]:
    for name in streams:
        if name.lower().rpartition("/")[2] in TEXTS:
            yield _decoded(name, _read(container, name))


def _decoded(stream: str, content: bytes) -> str:
    return content.decode("utf-16-le" if stream.lower().endswith("f") else "cp1252", "replace").strip("\0")


def _read(container: Any, name: str) -> bytes:
    content: bytes = container.openstream(name.split("/")).read(MOST_STREAM)
    return content
