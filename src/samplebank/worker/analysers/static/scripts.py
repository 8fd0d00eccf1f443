"""Text that may be a script: whether it downloads, decodes, hides, and runs what came of it."""

import re
from collections.abc import Mapping

from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_CHARACTERS = 2 * 1024 * 1024
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
    r"chmod\s+(?:\+x|0?7\d\d)|\|\s*(?:ba|da|z|k)?sh\b|os\.system\(|subprocess\.|\bexec\(|\beval\(|mshta|rundll32|regsvr32",
    re.IGNORECASE,
)
DECODES = re.compile(
    r"FromBase64String|base64\s+(?:-d|--decode)|b64decode|\batob\(|String\.fromCharCode|GzipStream|unescape\(",
    re.IGNORECASE,
)
RUNS_TEXT = re.compile(
    r"\bIEX\b|Invoke-Expression|\|\s*(?:ba|da|z|k)?sh\b|\bexec\(|\beval\(|Reflection\.Assembly", re.IGNORECASE
)
ALONE: Mapping[str, re.Pattern[str]] = {
    "script-encoded-command": re.compile(
        r"powershell(?:\.exe)?[^\r\n]{0,300}\s-e(?:c|nc|ncodedcommand)?\s+[\"']?[A-Za-z0-9+/=]{40,}",
        re.IGNORECASE,
    ),
    "script-hidden-window": re.compile(
        r"-w(?:indowstyle)?\s+(?:hidden|1)\b|\.Run\s*\(?[^\r\n]{0,300},\s*0\s*(?:,|\)|$)",
        re.IGNORECASE | re.MULTILINE,
    ),
    "script-reverse-shell": re.compile(
        r"(?:ba|z|k)?sh\s+-i\s*[^\r\n]{0,20}/dev/tcp/|\bn(?:c|cat)\b[^\r\n]{0,80}\s-(?:e|c)\s+/bin/|"
        r"mkfifo\s[^\r\n]{0,200}\bnc\b|Net\.Sockets\.TCPClient[\s\S]{0,2000}Invoke-Expression|"
        r"socket\.socket[\s\S]{0,500}dup2[\s\S]{0,300}/bin/(?:ba)?sh",
        re.IGNORECASE,
    ),
    "script-persistence": re.compile(
        r"CurrentVersion\\Run|schtasks(?:\.exe)?\s+/create|New-ScheduledTask|/etc/cron\.|crontab\s+-|"
        r"systemctl\s+enable|/etc/rc\.local",
        re.IGNORECASE,
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
    findings = [
        Finding(trait, match.group()[:200])
        for trait, pattern in ALONE.items()
        if (match := pattern.search(text)) is not None
    ]
    findings += _combinations(text)
    if longest >= LONG_LINE_CHARACTERS and (DECODES.search(text) or EXECUTES.search(text)):
        findings.append(Finding("script-very-long-line", f"{longest} characters"))
    return facts, findings


def _combinations(text: str) -> list[Finding]:
    findings = []
    download, execution = DOWNLOADS.search(text), EXECUTES.search(text)
    if download and execution:
        findings.append(
            Finding("script-download-and-execute", f"{download.group()[:100]} {execution.group()[:100]}")
        )
    elif download:
        findings.append(Finding("script-download", download.group()[:100]))
    decoding, running = DECODES.search(text), RUNS_TEXT.search(text)
    if decoding and running:
        findings.append(
            Finding("script-decode-and-execute", f"{decoding.group()[:100]} {running.group()[:100]}")
        )
    return findings
