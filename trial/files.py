"""The files of packages, each once, with the kind that the end of the name or the first bytes tell."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from trial.packages import Package

MOST_BYTES = 32 * 1024 * 1024
ENDINGS = {
    "JavaScript": ".js .mjs .cjs .map .ts .tsx .jsx",
    "scripts": ".py .sh .bash .pl .pm .ps1 .bat .cmd .vbs .tcl .rb .lua .php .awk",
    "markup": ".html .htm .xhtml .svg .xml .xsl .rdf .ui",
    "Office": ".doc .docx .docm .dot .dotx .xls .xlsx .xlsm .xlsb .ppt .pptx .odt .ods .odp .rtf .vsd",
    "PDF": ".pdf",
    "mail": ".eml .msg .mbox .dat",
    "archives": ".zip .tar .gz .tgz .bz2 .xz .7z .rar .jar .whl .egg .cab .deb .rpm .iso .cpio",
    "images and fonts": ".png .gif .jpg .jpeg .ico .bmp .webp .ttf .otf .woff .woff2 .eot .tif",
    "texts and data": ".txt .md .rst .css .scss .json .csv .c .h .cpp .po .mo .yml .yaml .toml .ini .log",
}
KINDS = {ending: kind for kind, endings in ENDINGS.items() for ending in endings.split()}
MARKS = {b"MZ": "PE", b"\x7fELF": "ELF", b"%PDF": "PDF", b"#!": "scripts"}
OTHER = "other"


class File(msgspec.Struct, frozen=True):
    """A file of a package. `place` is the path in the package."""

    package: Package
    path: Path
    place: str
    sha256: str
    kind: str
    size: int


def files_of(package: Package, folder: Path, known: set[str]) -> Iterator[File]:
    """The files whose digests are not `known` yet, in the order of their paths. Empty and very large files are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or not 0 < path.stat().st_size <= MOST_BYTES:
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest not in known:
            known.add(digest)
            yield File(package, path, str(path.relative_to(folder)), digest, kind_of(path, data), len(data))


def kind_of(path: Path, data: bytes) -> str:
    for mark, kind in MARKS.items():
        if data.startswith(mark):
            return kind
    if "test_email" in path.parts:
        return "mail"
    return KINDS.get(path.suffix.lower(), OTHER)
