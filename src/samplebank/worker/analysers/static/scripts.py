"""Text that may be a script: whether it downloads, decodes, hides, and runs what came of it."""

import re
from collections.abc import Mapping
from itertools import islice

from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_CHARACTERS = 2 * 1024 * 1024
#: what is searched of a long text: its beginning and its end
SEARCHED_START, SEARCHED_END = 192 * 1024, 64 * 1024
#: characters within which the steps of one act stand; words anywhere in a large library are no act
NEAR = 2000
#: places of a step that are looked at
MOST_PLACES = 500
LONG_LINE_CHARACTERS = 20_000
FEWEST_PRINTABLE = 0.95
PRINTABLE = frozenset("\t\n\r\f\b\x1b")

DOWNLOADS = re.compile(
    r"DownloadString|DownloadFile|DownloadData|Invoke-WebRequest|Invoke-RestMethod|Start-BitsTransfer|"
    r"Net\.WebClient|MSXML2\.XMLHTTP|WinHttp\.WinHttpRequest|certutil(?:\.exe)?\s+-urlcache|bitsadmin\s+/transfer|"
    r"\b(?:curl|wget)\s+(?:-\S+\s+){0,8}[\"']?https?://|urllib\.request\.url(?:open|retrieve)",
    re.IGNORECASE,
)
EXECUTES = re.compile(
    r"\bIEX\b|Invoke-Expression|Start-Process|WScript\.Shell|Shell\.Application|\bShellExecute|cmd(?:\.exe)?\s+/c|"
    r"chmod\s+(?:\+x|0?7\d\d)|\|\s*(?:ba|da|z|k)?sh\b|os\.system\(|subprocess\.|(?<![.\w])exec\(|(?<![.\w])eval\(|mshta|rundll32|regsvr32",
    re.IGNORECASE,
)
DECODES = re.compile(
    r"FromBase64String|base64\s+(?:-d|--decode)|b64decode|\batob\(|String\.fromCharCode|GzipStream|unescape\(",
    re.IGNORECASE,
)
RUNS_TEXT = re.compile(
    r"\bIEX\b|Invoke-Expression|\|\s*(?:ba|da|z|k)?sh\b|(?<![.\w])exec\(|(?<![.\w])eval\(|Reflection\.Assembly",
    re.IGNORECASE,
)
ALONE: Mapping[str, re.Pattern[str]] = {
    "script-encoded-command": re.compile(
        r"powershell(?:\.exe)?[^\r\n]{0,300}\s-e(?:c|nc|ncodedcommand)?\s+[\"']?[A-Za-z0-9+/=]{40,}",
        re.IGNORECASE,
    ),
    "script-hidden-window": re.compile(
        r"-w(?:indowstyle)?\s+(?:hidden|1)\b|\.Run\s{0,20}\(?[^\r\n]{0,300},\s{0,20}0\s{0,20}(?:,|\)|$)",
        re.IGNORECASE | re.MULTILINE,
    ),
    "script-reverse-shell": re.compile(
        r"(?:ba|z|k)?sh\s+-i\s*[^\r\n]{0,20}/dev/tcp/|\bn(?:c|cat)\b[^\r\n]{0,80}\s-(?:e|c)\s+/bin/|"
        r"mkfifo\s[^\r\n]{0,200}\|\s{0,20}(?:nc|ncat|netcat|telnet)\b",
        re.IGNORECASE,
    ),
    "script-persistence": re.compile(
        r"CurrentVersion\\Run|schtasks(?:\.exe)?\s+/create|New-ScheduledTask|/etc/cron\.|crontab\s+-|"
        r"systemctl\s+enable|/etc/rc\.local",
        re.IGNORECASE,
    ),
}

#: acts of several steps, each near the one before
STEPS: Mapping[str, tuple[tuple[re.Pattern[str], ...], ...]] = {
    "script-reverse-shell": (
        (
            re.compile(r"Net\.Sockets\.TCPClient", re.IGNORECASE),
            re.compile(r"Invoke-Expression|\bIEX\b", re.IGNORECASE),
        ),
        (re.compile(r"socket\.socket"), re.compile(r"dup2"), re.compile(r"/bin/(?:ba)?sh")),
    ),
}


def find_text(head: bytes) -> str | None:
    """Decode what is text; None for everything else."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head[: 2 * MOST_CHARACTERS].decode(encoding, errors="replace")[:MOST_CHARACTERS]
    start = text[:8192]
    printable = sum((char.isprintable() and char != "\ufffd") or char in PRINTABLE for char in start)
    return text if start and printable / len(start) >= FEWEST_PRINTABLE else None


def read(text: str) -> tuple[dict[str, JSON], list[Finding]]:
    lines = text.splitlines()
    longest = max(map(len, lines), default=0)
    facts: dict[str, JSON] = {
        "lines": len(lines),
        "longestLine": longest,
        "interpreter": lines[0][2:200].strip() if lines and lines[0].startswith("#!") else None,
    }
    text = _searched(text)
    findings = [
        Finding(trait, match.group()[:200])
        for trait, pattern in ALONE.items()
        if (match := pattern.search(text)) is not None
    ]
    known = {finding.trait for finding in findings}
    for trait, acts in STEPS.items():
        said = next((found for act in acts if (found := _near(text, *act))), None)
        if said and trait not in known:
            findings.append(Finding(trait, said))
    findings += _combinations(text)
    if longest >= LONG_LINE_CHARACTERS and (DECODES.search(text) or EXECUTES.search(text)):
        findings.append(Finding("script-very-long-line", f"{longest} characters"))
    return facts, findings


def _searched(text: str) -> str:
    if len(text) <= SEARCHED_START + SEARCHED_END:
        return text
    return f"{text[:SEARCHED_START]}\n{text[-SEARCHED_END:]}"


def _near(text: str, *steps: re.Pattern[str]) -> str | None:
    """The first words of steps of which each stands near the one before, in this order; None where there are none."""
    first, *others = steps
    for match in islice(first.finditer(text), MOST_PLACES):
        said, end = [match.group()[:100]], match.end()
        for step in others:
            following = step.search(text, end, end + NEAR)
            if following is None:
                break
            said.append(following.group()[:100])
            end = following.end()
        else:
            return " ".join(said)
    return None


def _beside(text: str, one: re.Pattern[str], other: re.Pattern[str]) -> str | None:
    """The words of two steps that stand near each other, in any order."""
    return _near(text, one, other) or _near(text, other, one)


def _combinations(text: str) -> list[Finding]:
    findings = []
    if said := _beside(text, DOWNLOADS, EXECUTES):
        findings.append(Finding("script-download-and-execute", said))
    elif download := DOWNLOADS.search(text):
        findings.append(Finding("script-download", download.group()[:100]))
    if said := _beside(text, DECODES, RUNS_TEXT):
        findings.append(Finding("script-decode-and-execute", said))
    return findings
