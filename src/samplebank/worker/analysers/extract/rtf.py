"""Objects embedded in RTF documents: packages as their files, other objects as they are embedded."""

import struct

from samplebank.worker.analysers.extract.compound import native_of
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import Kind, kind_of
from samplebank.worker.analysers.extract.rtf_objects import objects_in, ole1_of

MOST_OBJECTS = 200


def open_rtf(data: bytes, haul: Haul) -> None:
    """Take the objects of an RTF document: a package as its file, any other object as it is embedded."""
    for number, found in enumerate(objects_in(data, haul.go_on)):
        name, content = _unwrapped(found.content, f"object-{number}")
        if content and kind_of(name, content) is not Kind.LISTED and haul.begin(name, len(content)):
            haul.take(name, content, "rtf")
        if number + 1 >= MOST_OBJECTS:
            return


def _unwrapped(content: bytes, name: str) -> tuple[str, bytes]:
    """The bytes of an OLE 1.0 object without the header; a package without its own header, too."""
    found = ole1_of(content)
    if found is None or found.content is None:
        return name, content
    inner = found.content
    if found.class_name.lower() == "package":
        package = native_of(struct.pack("<I", len(inner)) + inner)
        return package if package is not None else (name, inner)
    return name, inner
