"""Samples for the analysers, made on the spot, so that no file of the repository looks like malware."""

import io
import secrets
import zipfile
from importlib.resources import files

import lief

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + "STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"
RELATIONSHIPS = (
    '<?xml version="1.0"?><Relationships><Relationship Id="rId1" Type="http://schemas.example/attachedTemplate" '
    'Target="http://203.0.113.7/t.dotm" TargetMode="External"/></Relationships>'
)
LOCAL_TEMPLATE = RELATIONSHIPS.replace("http://203.0.113.7/", r"file:///C:\Users\Ada\Templates" + "\\")


def launcher() -> bytes:
    """Take the unsigned Windows program that pip puts before every script, out of pip's package."""
    return files("distlib").joinpath("t64.exe").read_bytes()


def importing(library: str, *functions: str) -> bytes:
    """Make the launcher import more."""
    binary = lief.PE.parse(launcher())
    assert binary is not None
    added = binary.add_import(library)
    for function in functions:
        added.add_entry(function)
    config = lief.PE.Builder.config_t()
    config.imports = True
    return binary.write_to_bytes(config)


def packed() -> bytes:
    """Make the launcher look as if UPX had packed it: names, rights, and noise for code."""
    binary = lief.PE.parse(launcher())
    assert binary is not None
    section = binary.sections[0]
    section.name = "UPX0"
    section.content = list(secrets.token_bytes(section.size))
    section.characteristics |= int(lief.PE.Section.CHARACTERISTICS.MEM_WRITE)
    return binary.write_to_bytes()


def with_overlay(size: int) -> bytes:
    return launcher() + secrets.token_bytes(size)


def pdf(*objects: str) -> bytes:
    body = "".join(f"{number} 0 obj\n{content}\nendobj\n" for number, content in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer\n<< /Root 1 0 R >>\n%%EOF\n".encode()


def word(**parts: str) -> bytes:
    """Make a document of the usual parts and the given parts. `__` stands for a slash and `_dot_` for a dot."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w:document/>")
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return content.getvalue()


def plain_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("notes/one.txt", "one")
    return content.getvalue()


def encrypted_zip() -> bytes:
    """An archive whose only entry is marked as encrypted in both headers."""
    content = bytearray(plain_zip())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)
