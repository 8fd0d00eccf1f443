"""The labelled files: the makers' word on a file, and the findings due from the workers."""

import re
from collections.abc import Callable

import msgspec

from trial.files import File
from trial.running import Outcome

#: the score of a verdict from which a clean file counts as flagged
SUSPICIOUS = 30
#: the harmless program in the containers of ClamAV
CLAM = "71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495"
PACKED = "aspack|fsg|mew|pespin|petite|upack|upx|wwpack|yc"
EMBEDDED = re.compile(r"(^|/)(simple-text-file\.txt|.*nic.*de.*\.txt|calc\.(exe|lnk))$")


class Expectation(msgspec.Struct, frozen=True):
    """What the workers have to find in the files of a set whose path in the package matches `files`.

    The passwords come with each submission.
    """

    labels: str
    name: str
    goal: str
    files: str
    is_found: Callable[[Outcome], bool]
    passwords: tuple[str, ...] = ()

    def concerns(self, file: File) -> bool:
        return file.package.labels == self.labels and re.search(self.files, file.place) is not None


def passwords_of(file: File) -> tuple[str, ...]:
    """The passwords of a file."""
    return tuple(word for one in EXPECTATIONS if one.concerns(file) for word in one.passwords)


def _holds(part: str) -> Callable[[Outcome], bool]:
    """Whether a result on the file, or on a file that came out, has such a part."""
    return lambda outcome: part in outcome.parts


EXPECTATIONS = [
    Expectation(
        "clamav",
        "the program comes out of containers of ClamAV",
        "27 of 34",
        rf"clamav-testfiles/clam(?!\.exe$|-(?:{PACKED})\.exe$)",
        lambda outcome: any(member.sha256 == CLAM for member in outcome.members),
    ),
    Expectation(
        "rarfile",
        "a file comes out of archives of rarfile",
        "38 of 51",
        r"\.rar$",
        lambda outcome: any(member.size for member in outcome.members),
        ("password",),
    ),
    Expectation(
        "oletools",
        "the embedded file comes out of documents",
        "34 of 36",
        r"test-data/oleobj/[^/]+$",
        lambda outcome: any(EMBEDDED.search(member.name) for member in outcome.members),
    ),
    Expectation("oletools", "encryption is found", "17 of 17", r"test-data/encrypted/", _holds("encryption")),
    Expectation("oletools", "Excel 4 macros are found", "7 of 7", r"excel4-macros/", _holds("excel4")),
    Expectation(
        "oletools", "external relations are found", "13 of 13", r"external_link/", _holds("external")
    ),
    Expectation(
        "oletools", "DDE is found", "11 of 13", r"test-data/msodde/dde-", _holds("dde"), ("infected-test",)
    ),
    Expectation("oletools", "macros are found", "2 of 2", r"test-data/(?:olevba|oleform)/", _holds("macros")),
    Expectation(
        "oletools",
        "clean documents stay below 30",
        "7 of 7",
        r"(?:msodde|ooxml)/(?:harmless|RTF-Spec)|test-data/other/presentation\.xps$",
        lambda outcome: outcome.score < SUSPICIOUS,
    ),
]
