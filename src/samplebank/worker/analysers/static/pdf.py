"""PDF: the actions that objects name, also inside compressed object streams, also spelled with escapes."""

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

KEYWORDS = (
    b"/JavaScript",
    b"/JS",
    b"/OpenAction",
    b"/AA",
    b"/Launch",
    b"/EmbeddedFile",
    b"/URI",
    b"/SubmitForm",
    b"/AcroForm",
    b"/XFA",
    b"/RichMedia",
    b"/ObjStm",
    ENCRYPT := b"/Encrypt",
)
ACTIONS = frozenset({b"/JavaScript", b"/JS", b"/OpenAction", b"/Launch", b"/EmbeddedFile"})
NAME = re.compile(rb"/[A-Za-z0-9#]{1,60}")
ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
OBJECT_STREAM, STREAM = re.compile(rb"/ObjStm\b"), re.compile(rb"stream\r?\n")
STREAM_WITHIN = 400
MOST_STREAMS, MOST_STREAM_BYTES = 64, 1024 * 1024
#: bytes of all streams together, and names of the whole file: a file of 68 kB can hold millions of names
MOST_INFLATED_BYTES, MOST_NAMES = 4 * 1024 * 1024, 200_000
LAUNCH, PROGRAM = re.compile(rb"/(?:L|#4c)(?:a|#61)unch", re.IGNORECASE), re.compile(rb"/(?:Win|Unix|Mac)\b")
TARGET, DOCUMENT = (
    re.compile(rb"/F\s{0,10}\("),
    re.compile(rb"(?:\.|\\056)pdf\Z", re.IGNORECASE),
)
MOST_TARGETS, TARGET_BYTES = 1000, 300
TRAILER_BYTES = 64 * 1024
OPEN_ACTION = re.compile(rb"/(?:OpenAction|AA)\b\s*(?:(\d{1,10})\s+\d{1,5}\s+R)?")
SCRIPT = re.compile(rb"/(?:JS|JavaScript)\b")
#: bytes after an action, or bytes of the object that the action names, in which the kind of the action is looked for
ACTION_BYTES = 2000
#: actions that are looked at, and objects that are looked for: each search reads the whole file
MOST_ACTIONS, MOST_OBJECTS = 500, 16


def read(path: Path, head: bytes, _parts: Parts) -> tuple[dict[str, JSON], list[Finding]]:
    counts = dict.fromkeys(KEYWORDS, 0)
    disguised: set[bytes] = set()
    parts = (head, *object_streams(head))
    left = MOST_NAMES
    for part in parts:
        for name, spelled in islice(_names(part), left):
            left -= 1
            if name in counts:
                counts[name] += 1
                if name != spelled and name in ACTIONS:
                    disguised.add(name)
    # The trailer says whether the file is encrypted. More names than are counted may stand before: search the trailer, too.
    counts[ENCRYPT] = counts[ENCRYPT] or sum(name == ENCRYPT for name, _ in _names(_trailer(path)))
    facts: dict[str, JSON] = {
        "version": head[(start := head.find(b"%PDF-")) + 5 : start + 8].decode("latin-1"),
        "names": {name.decode()[1:]: count for name, count in counts.items()},
        "disguisedNames": sorted(name.decode()[1:] for name in disguised),
    }
    if counts[b"/Launch"] and all(map(_turns_to_documents, parts)):
        counts[b"/Launch"] = 0
    return facts, _findings(counts, disguised, acts_alone=any(map(_acts_alone, parts)))


def _turns_to_documents(part: bytes) -> bool:
    """Whether all launch actions open PDF documents, as old links do."""
    if LAUNCH.search(part) is None:
        return True
    starts = [match.end() for match in islice(TARGET.finditer(part), MOST_TARGETS)]
    targets = [part[start : start + TARGET_BYTES].split(b")")[0] for start in starts]
    is_bounded = 0 < len(targets) < MOST_TARGETS
    return is_bounded and PROGRAM.search(part) is None and all(map(DOCUMENT.search, targets))


def _names(part: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each name with escapes resolved, and the name as spelled."""
    for match in NAME.finditer(part):
        spelled = match.group()
        name = (
            ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), spelled)
            if b"#" in spelled
            else spelled
        )
        yield name, spelled


def _trailer(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TRAILER_BYTES))
        return file.read()


def _acts_alone(part: bytes) -> bool:
    """Whether an automatic action is a script. The script may stand in the action, or in an object that the action names."""
    named: set[bytes] = set()
    for action in islice(OPEN_ACTION.finditer(part), MOST_ACTIONS):
        place, number = action.end(), action[1]
        if number in named or len(named) >= MOST_OBJECTS:
            continue
        if number is not None:
            named.add(number)
            place = max(part.find(b"\n" + number + b" "), 0)
        end = part.find(b"endobj", place, place + ACTION_BYTES)
        if SCRIPT.search(part, place, end if end >= 0 else place + ACTION_BYTES):
            return True
    return False


def _findings(counts: dict[bytes, int], disguised: set[bytes], *, acts_alone: bool) -> list[Finding]:
    has_script = bool(counts[b"/JavaScript"] or counts[b"/JS"])
    present = {
        "pdf-javascript": has_script,
        "pdf-automatic-script": has_script and (acts_alone or bool(disguised)),
        "pdf-launch": bool(counts[b"/Launch"]),
        "pdf-embedded-file": bool(counts[b"/EmbeddedFile"]),
        "pdf-disguised-names": bool(disguised),
    }
    return [Finding(trait) for trait, is_present in present.items() if is_present]


def object_streams(head: bytes) -> list[bytes]:
    """The unpacked contents of object streams: 64 streams and 4 MiB at most."""
    inflated: list[bytes] = []
    left = MOST_INFLATED_BYTES
    for match in islice(OBJECT_STREAM.finditer(head), MOST_STREAMS):
        stream = STREAM.search(head, match.end(), match.end() + STREAM_WITHIN)
        if stream is None:
            continue
        packed = head[stream.end() : stream.end() + MOST_STREAM_BYTES]
        try:
            inflated.append(zlib.decompressobj().decompress(packed, left))
        except zlib.error:
            continue  # the stream has another filter, or is encrypted
        left -= len(inflated[-1])
        if left <= 0:
            break
    return inflated
