"""The labelled files: what their makers say is in a file, and what the workers have to find."""

import re
from collections.abc import Callable

import msgspec

from trial.files import File
from trial.running import Outcome


class Expectation(msgspec.Struct, frozen=True):
    """What the workers have to find in the files of a set whose path in the package matches `files`."""

    labels: str
    name: str
    goal: str
    files: str
    is_found: Callable[[Outcome], bool]

    def concerns(self, file: File) -> bool:
        return file.package.labels == self.labels and re.search(self.files, file.place) is not None


def is_opened(outcome: Outcome) -> bool:
    """Whether a worker found something inside, stored or listed."""
    return outcome.children > 0 or bool(outcome.result_of("extract").get("listing"))


PACKED = "aspack|fsg|mew|pespin|petite|upack|upx|wwpack|yc"
EXPECTATIONS = [
    Expectation(
        "clamav",
        "containers of ClamAV's test files are opened",
        "27 of 34",
        rf"clamav-testfiles/clam(?!\.exe$|-(?:{PACKED})\.exe$)",
        is_opened,
    ),
    Expectation(
        "rarfile", "archives of rarfile's tests are opened", "38 of 51", r"\.(?:rar|sfx)$", is_opened
    ),
    Expectation(
        "oletools",
        "embedded files of oletools' test files are found",
        "34 of 36",
        r"oleobj/[^/]+$",
        is_opened,
    ),
]
