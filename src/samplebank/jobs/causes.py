"""The cause of a failure: the message with all that differs from sample to sample folded away."""

import re

#: the most characters looked at in a message, and of a cause
LONGEST_MESSAGE, LONGEST_CAUSE = 500, 300
#: the beginning of the note in a task that a late type has added; the type and a dot follow. The note is no cause of a failure
ADDED_LATE = "Added when the type of the file came:"
NOTE = re.compile(rf"\A{ADDED_LATE} \S+")
#: Each alternative is found in one pass over the message: none repeats a part that repeats itself.
VARYING = re.compile(
    r"""
    (?P<url>\b[a-z][a-z0-9+.-]{1,15}://[^\s'"<>]+)
    | (?P<time>\b\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d(?::\d\d)?[0-9.,Z+:-]*)
    | (?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?P<path>(?<![\w/.~-])(?:[A-Za-z]:\\|\\\\|~?/|\.\.?/)[^\s'"<>:;,)\]]+)
    | (?P<hash>\b(?=[a-f]*\d)[0-9a-f]{16,}\b|\b0x[0-9a-f]+\b)
    | (?P<number>(?<![\w.])\d+(?:\.\d+)?)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def cause_of(message: str | None) -> str:
    """The message with numbers, times, hashes, ids, addresses and paths folded. Neighbouring lines that are equal become one."""
    told = NOTE.sub("", (message or "")[:LONGEST_MESSAGE])
    folded = VARYING.sub(lambda found: f"<{found.lastgroup}>", told)
    lines: list[str] = []
    for line in folded.splitlines():
        words = " ".join(line.split())
        if words and words not in lines[-1:]:
            lines.append(words)
    return " ".join(lines)[:LONGEST_CAUSE].rstrip() or "no message"
