"""Facts of documents."""

import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Final

from samplebank.worker.analysers.extract.kinds import MAIL_HEADER
from samplebank.worker.analysers.static.facts.bytes import Told, sha256
from samplebank.worker.contract import Fact

#: the identifier that a document keeps, of which later versions change only the second half
IDENTIFIER: Final = re.compile(rb"/ID\s{0,20}\[\s{0,20}<([0-9A-Fa-f]{8,128})>")
EDGE: Final = 64 * 1024
#: the header that a mail program numbers a mail by
MESSAGE_ID: Final = re.compile(rb"(?im)^message-id:\s{0,10}<[^<>@\s]{1,300}@([\w.-]{1,253})>")
HEADERS: Final = 64 * 1024
MOST_PROJECT, MOST_ENTRIES = 16 * 1024 * 1024, 2000


def pdf(told: Told) -> Iterator[Fact]:
    """The identifier at the end of the file, else at the beginning."""
    for edge in (told.data[-EDGE:], told.data[:EDGE]):
        if found := IDENTIFIER.findall(edge):
            yield Fact("pdf-id", found[-1].decode().lower())
            return


def package(told: Told) -> Iterator[Fact]:
    """The digest of the macros as stored."""
    with zipfile.ZipFile(told.path) as package:
        for entry in islice(package.infolist(), MOST_ENTRIES):
            if entry.filename.lower().endswith("vbaproject.bin") and 0 < entry.file_size <= MOST_PROJECT:
                with package.open(entry) as file:
                    yield Fact("vba-project", sha256(file.read(MOST_PROJECT)))
                return


def mail(told: Told) -> Iterator[Fact]:
    """The domain in the number of a mail: that of the program or the server that made the mail."""
    head = told.data[:HEADERS]
    if MAIL_HEADER.match(head):
        headers = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
        if found := MESSAGE_ID.search(headers):
            yield Fact("message-domain", found[1].decode("ascii").lower())
