"""Archives behind something else, such as a program that unpacks the archive. 7-Zip opens these archives."""

import re
from itertools import islice

from samplebank.worker.analysers.extract import sevenzip
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.passwords import Words

#: archives that stand behind a program, which unpacks the archive
BEHIND = ((b"7z\xbc\xaf\x27\x1c", "sevenzip"), (b"Rar!\x1a\x07", "rar"), (b"MSCF\0\0\0\0", "cab"))
#: a program that unpacks an archive may have the mark of the archive among its own values, as may a program made to mislead
MOST_MARKS = 10
#: the file system behind a program that brings its own (AppImage): the compression and the version have to fit as well
SQUASHFS = re.compile(rb"hsqs.{16}[\x01-\x06]\0.{6}\x04\0\0\0", re.DOTALL)
NSIS_MARK = b"\xef\xbe\xad\xdeNullsoftInst"
#: no header of a program is shorter
SHORTEST_PROGRAM = 512


def open_behind(data: bytes, haul: Haul, words: Words, *, within: int = SHORTEST_PROGRAM) -> bool:
    """Open an archive that stands behind something else, such as a program that unpacks the archive.

    `within`: where the archive may begin at the earliest.
    """
    if sevenzip.library() is None:
        return False
    if NSIS_MARK in data and sevenzip.open_archive(data, haul, words, "pebin"):
        return True
    for mark, label in BEHIND:
        for at in islice(re.finditer(re.escape(mark), data), MOST_MARKS):
            if at.start() >= within and sevenzip.open_archive(data[at.start() :], haul, words, label):
                return True
    found = SQUASHFS.search(data, within)
    return found is not None and sevenzip.open_archive(data[found.start() :], haul, words, "squashfs")
