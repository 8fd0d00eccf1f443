"""PDF: which actions its objects name, also inside compressed object streams, also when spelled with escapes."""

import re
import zlib
from itertools import islice
from pathlib import Path

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
    b"/Encrypt",
    b"/ObjStm",
)
ACTIONS = frozenset({b"/JavaScript", b"/JS", b"/OpenAction", b"/Launch", b"/EmbeddedFile"})
NAME = re.compile(rb"/[A-Za-z0-9#]{1,60}")
ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
OBJECT_STREAM = re.compile(rb"/ObjStm.{0,400}?stream\r?\n", re.DOTALL)
MOST_STREAMS, MOST_STREAM_BYTES, MOST_INFLATED_BYTES = 64, 1024 * 1024, 1024 * 1024


def read(_path: Path, head: bytes) -> tuple[dict[str, JSON], list[Finding]]:
    counts = dict.fromkeys(KEYWORDS, 0)
    disguised: set[bytes] = set()
    for part in (head, *_object_streams(head)):
        for match in NAME.finditer(part):
            spelled = match.group()
            name = ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), spelled)
            if name in counts:
                counts[name] += 1
                if name != spelled and name in ACTIONS:
                    disguised.add(name)
    facts: dict[str, JSON] = {
        "version": head[5:8].decode("latin-1"),
        "names": {name.decode()[1:]: count for name, count in counts.items()},
        "disguisedNames": sorted(name.decode()[1:] for name in disguised),
    }
    return facts, _findings(counts, disguised)


def _findings(counts: dict[bytes, int], disguised: set[bytes]) -> list[Finding]:
    has_script = bool(counts[b"/JavaScript"] or counts[b"/JS"])
    acts_alone = bool(counts[b"/OpenAction"] or counts[b"/AA"])
    present = {
        "pdf-javascript": has_script,
        "pdf-automatic-script": has_script and acts_alone,
        "pdf-launch": bool(counts[b"/Launch"]),
        "pdf-embedded-file": bool(counts[b"/EmbeddedFile"]),
        "pdf-disguised-names": bool(disguised),
    }
    return [Finding(trait) for trait, is_present in present.items() if is_present]


def _object_streams(head: bytes) -> list[bytes]:
    inflated = []
    for match in islice(OBJECT_STREAM.finditer(head), MOST_STREAMS):
        packed = head[match.end() : match.end() + MOST_STREAM_BYTES]
        try:
            inflated.append(zlib.decompressobj().decompress(packed, MOST_INFLATED_BYTES))
        except zlib.error:
            continue  # another filter, or encrypted
    return inflated
