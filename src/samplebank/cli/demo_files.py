"""The files of the demo: real launchers and programs of the machine, small documents, and the EICAR test file."""

import stat
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from samplebank.errors import Unavailable

#: packages that ship Windows launchers
LAUNCHERS: Final = ("distlib", "pip/_vendor/distlib", "setuptools")
LAUNCHERS_SHOWN: Final = 2
PROGRAM: Final = Path("/bin/ls")
EICAR_NAME: Final = "eicar.com"
#: in two halves, so that no scanner takes this module for the test file
EICAR: Final = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*")

SCRIPT: Final = """\
#!/bin/sh
# Tidies a folder of downloads: moves what is older than a week into an archive.
set -eu
folder=${1:-"$HOME/Downloads"}
mkdir -p "$folder/old"
find "$folder" -maxdepth 1 -type f -mtime +7 -exec mv {} "$folder/old/" \\;
"""
OFFICE_PARTS: Final = {
    "[Content_Types].xml": (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="word/document.xml" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
    ),
    "word/document.xml": (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>Minutes of the meeting: nothing happened.</w:t></w:r></w:p></w:body></w:document>"
    ),
}


def make_files(folder: Path) -> list[Path]:
    """Write one file of each kind and list them, EICAR last."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [_copy(launcher, folder / launcher.name) for launcher in _launchers()]
    files.append(_copy(PROGRAM, folder / "ls"))
    files.append(_write(folder / "tidy.sh", SCRIPT.encode()))
    files.append(_write(folder / "minutes.pdf", _pdf()))
    files.append(_archive(folder / "minutes.docx", OFFICE_PARTS))
    files.append(_archive(folder / "backup.zip", {"tidy.sh": SCRIPT, "notes.txt": "Keep for a year.\n"}))
    files.append(_write(folder / EICAR_NAME, "".join(EICAR).encode()))
    return files


def _launchers() -> list[Path]:
    found = [exe for folder in _package_folders() for exe in sorted(folder.glob("*64.exe"))]
    if not found:
        raise Unavailable(
            "There is no Windows launcher on this machine to submit: install the package distlib."
        )
    return found[:LAUNCHERS_SHOWN]


def _package_folders() -> Iterator[Path]:
    base = {"base": sysconfig.get_config_var("installed_base")}
    for place in (sysconfig.get_path("purelib"), sysconfig.get_path("purelib", "posix_prefix", vars=base)):
        yield from (Path(place) / package for package in LAUNCHERS)


def _copy(source: Path, target: Path) -> Path:
    return _write(target, source.read_bytes())


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


def _archive(path: Path, members: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _pdf() -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, entries)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + table + trailer
