"""Finds the types that the bytes leave no doubt about, without the model. Runs inside sandbox children only."""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from samplebank.identification import file_types as types
from samplebank.identification.compound_file import find_stream, is_encrypted_package, is_installer
from samplebank.identification.file_types import FileType
from samplebank.identification.signatures import (
    find_open_document,
    find_signature,
    find_tail_type,
    find_zip_type,
)
from samplebank.identification.zip_directory import read_directory

# The marks of filesystems stand within so many first bytes.
HEAD_BYTES, TAIL_BYTES = 72 * 1024, 512
MOST_COMPOUND_BYTES = 256 * 1024 * 1024
#: streams of compound files, and the type that each stream tells
COMPOUND_STREAMS = (
    ("__properties_version1.0", types.OUTLOOK),
    ("WordDocument", types.DOC),
    ("Workbook", types.XLS),
    ("Book", types.XLS),
    ("PowerPoint Document", types.PPT),
)
#: drawings that are PDF files, too: the model tells the drawings
DRAWING = b"Illustrator"
#: entries of packages that only the model tells from other ZIP files
PACKAGE_ENDS = (".npy", ".nuspec", "/data.pkl", "/mozilla.rsa", "install.rdf")
BOOK = b"application/epub+zip"
BOOK_WITHIN = 100


def find_firm_type(head: bytes, path: Path) -> FileType | None:
    """The type of a file that begins with `head`; None where only the model can tell."""
    tail_type = find_tail_type(head, tail_of(path))
    if tail_type is not None:
        return tail_type
    signature = find_signature(head)
    if signature is None:
        return None
    if signature.file_type is types.OLE:
        return compound_type(path)
    if signature.file_type is types.ZIP:
        return find_open_document(head) or _zip_type(head, path)
    if signature.file_type is types.PDF and DRAWING in head:
        return None
    return signature.file_type


def tail_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()


def compound_type(path: Path) -> FileType | None:
    """The type of a compound file by its streams; None where the streams do not tell."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MOST_COMPOUND_BYTES:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if is_encrypted_package(content):
                return types.ENCRYPTED_OFFICE
            if is_installer(content):
                return types.MSI
            return next((kind for name, kind in COMPOUND_STREAMS if find_stream(content, name) >= 0), None)


def zip_names(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [entry.name for entry in read_directory(file).entries]


def _zip_type(head: bytes, path: Path) -> FileType | None:
    """The type by the entries; None where there are none, and for packages that the model knows better."""
    names = zip_names(path)
    known = find_zip_type(names)
    if known is not None or not names or BOOK in head[:BOOK_WITHIN] or _is_package(names):
        return known
    return types.ZIP


def _is_package(names: Iterable[str]) -> bool:
    return any(name.lower().endswith(PACKAGE_ENDS) or name == "data.pkl" for name in names)
