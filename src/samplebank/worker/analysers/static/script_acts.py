"""The acts of scripts, as patterns. An act has one step, or several steps that count only near each other.

A word alone proves nothing: libraries, tools and documents name all the words. So a pattern matches a word in use.
Each pattern looks at a bounded number of characters from each place where a match may begin.

To try a pattern at each place of a text takes some milliseconds, to look for words in the text some microseconds. So each
pattern comes with words without which it cannot match (`Step.hints`).
"""

import re
from collections.abc import Mapping, Sequence

import msgspec


class Step(msgspec.Struct, frozen=True):
    """A pattern, and what a text must contain for a match: all words of one of the hints, in small letters."""

    pattern: re.Pattern[str]
    hints: Sequence[Sequence[str]]

    def may_be_in(self, folded: str) -> bool:
        """Whether the pattern may match a text that `folded` made of."""
        return any(all(word in folded for word in words) for words in self.hints)


Act = tuple[Step, ...]


def folded(text: str) -> str:
    """The text in small letters, as patterns that ignore the case see the text."""
    if text.isascii():
        return text.lower()
    # To such a pattern, a dotless i and an I with a dot are an i.
    return text.casefold().replace("\u0131", "i").replace("\u0307", "")


def _any(patterns: Sequence[str], hints: Sequence[str], flags: re.RegexFlag = re.IGNORECASE) -> Step:
    """Make a step. The words of a hint are divided by blanks."""
    return Step(re.compile("|".join(patterns), flags), [hint.split() for hint in hints])


SHELL = r"(?:ba|da|z|k)?sh\b"
#: how a script makes an object of Windows
OBJECT = r"(?:CreateObject|GetObject|ActiveXObject|-ComObject)\s{0,5}\(?\s{0,5}[\"']?"

DOWNLOADS = _any(
    [
        r"\.Download(?:String|File|Data)(?:Async)?\s{0,5}\(\s{0,5}[\"'$(\w]",
        r"(?:Invoke-WebRequest|Invoke-RestMethod|Start-BitsTransfer|\biwr|\birm)\s{1,5}[-$\"'(h]",
        r"New-Object\s{1,5}(?:System\.)?Net\.WebClient",
        OBJECT + r"(?:MSXML2\.(?:Server)?XMLHTTP|Microsoft\.XMLHTTP|WinHttp\.WinHttpRequest)",
        r"certutil(?:\.exe)?\s+-urlcache",
        r"bitsadmin(?:\.exe)?\s+/transfer",
        r"\b(?:curl|wget)(?:\.exe)?\s+(?:-\S{1,100}\s+){0,8}[\"']?(?:https?|ftp)://",
        r"\b(?:curl|wget)(?:\.exe)?\s[^\r\n|;&]{0,200}\s[\"']?(?:https?|ftp)://",
        r"urllib\.request\.url(?:open|retrieve)\(",
        r"URLDownloadToFile[AW]?\s{0,5}\(",
    ],
    [
        ".download",
        "invoke-webrequest",
        "invoke-restmethod",
        "start-bitstransfer",
        "iwr",
        "irm",
        "net.webclient",
        "xmlhttp",
        "winhttprequest",
        "certutil",
        "bitsadmin",
        "curl ://",
        "wget ://",
        "urllib.request.url",
        "urldownloadtofile",
    ],
)
EXECUTES = _any(
    [
        r"\bIEX\b\s{0,5}[$(\"']",
        r"[|;]\s{0,5}IEX\b",
        r"Invoke-Expression\s{1,5}[-$(&\"'\w]|[|;]\s{0,5}Invoke-Expression\b",
        r"Start-Process\s{1,5}[-$\"'(\w]",
        OBJECT + r"(?:WScript\.Shell|Shell\.Application)",
        r"\bShellExecute\s{0,5}\(",
        r"\bcmd(?:\.exe)?[\"']?\s+/c",
        r"\bchmod\s+(?:\+x|[au]\+x|0?7\d\d)",
        r"\|\s{0,5}(?:sudo\s{1,5})?" + SHELL,
        r"os\.system\(",
        r"subprocess\.(?:run|call|Popen|check_\w{1,10})\(",
        r"(?<![.\w])(?:exec|eval)\(",
        r"\b(?:mshta|rundll32|regsvr32)(?:\.exe)?\s",
    ],
    [
        "iex",
        "invoke-expression",
        "start-process",
        "wscript.shell",
        "shell.application",
        "shellexecute",
        "cmd /c",
        "chmod",
        "| sh",
        "os.system(",
        "subprocess.",
        "exec(",
        "eval(",
        "mshta",
        "rundll32",
        "regsvr32",
    ],
)
#: the address of a named host, with TLS
NAMED_HOST = r"https://[a-z0-9-]{1,60}(?:\.[a-z0-9-]{1,60}){0,4}\.[a-z]{2,10}(?:/[^\r\n|]{0,200})?"
#: the line that installs a program, as documents show the line
INSTALLER = _any(
    [
        r"\b(?:curl|wget)\s[^\r\n|]{0,200}"
        + NAMED_HOST
        + r"\|\s{0,5}(?:sudo\s{1,5})?(?:-\w{1,5}\s)?"
        + SHELL,
        r"\b(?:irm|iwr|Invoke-RestMethod|Invoke-WebRequest)\s[^\r\n|]{0,100}"
        + NAMED_HOST
        + r"\|\s{0,5}(?:iex|Invoke-Expression)\b",
    ],
    [
        "curl https:// |",
        "wget https:// |",
        "irm https:// |",
        "iwr https:// |",
        "invoke-restmethod https:// |",
        "invoke-webrequest https:// |",
    ],
)

#: how a language decodes, and how the same language runs the decoded text
DECODING: tuple[tuple[Step, Step], ...] = (
    (
        _any(
            [r"FromBase64String\s{0,5}\(", r"\b(?:Gzip|Deflate)Stream\b", r"-split\s[^\r\n]{1,40}\[char\]"],
            ["frombase64string", "gzipstream", "deflatestream", "-split [char]"],
        ),
        _any(
            [
                r"\bIEX\b",
                r"Invoke-Expression",
                r"Assembly\]?(?:::|\.)Load",
                r"\[ScriptBlock\]::Create",
                r"VirtualAlloc",
            ],
            ["iex", "invoke-expression", "assembly load", "[scriptblock]", "virtualalloc"],
        ),
    ),
    (
        _any(
            [
                r"\bbase64\s+(?:-d|-D|--decode|-di)\b",
                r"\bopenssl\s+(?:enc|base64)\s[^\r\n]{0,40}-d\b",
                r"\bxxd\s+-r\b",
            ],
            ["base64 -d", "openssl -d", "base64 --decode", "xxd"],
        ),
        _any(
            [
                r"\|\s{0,5}(?:sudo\s{1,5})?(?:(?:ba|da|z|k)?sh|python\d?|perl)\b",
                r"\beval\b",
                r"\bsource\s+/dev/",
            ],
            ["| sh", "| python", "| perl", "eval", "source /dev/"],
        ),
    ),
    (
        _any(
            [
                r"b64decode\(",
                r"zlib\.decompress\(",
                r"marshal\.loads\(",
                r"bytes\.fromhex\(",
                r"\.decode\([\"'](?:hex|rot13)",
            ],
            [
                "b64decode(",
                "zlib.decompress(",
                "marshal.loads(",
                "bytes.fromhex(",
                ".decode( hex",
                ".decode( rot13",
            ],
        ),
        _any([r"(?<![.\w])(?:exec|eval)\("], ["exec(", "eval("], flags=re.NOFLAG),
    ),
    (
        _any(
            [r"(?<![.\w])(?:window\.)?(?:atob|unescape)\(", r"String\.fromCharCode\("],
            ["atob(", "unescape(", "string.fromcharcode("],
        ),
        _any(
            [r"(?<![.\w])(?:window\.)?eval\(", r"\bnew\s+Function\(", r"\bdocument\.write\("],
            ["eval(", "new function(", "document.write("],
            flags=re.NOFLAG,
        ),
    ),
    (
        _any(
            [r"\bbase64_decode\s{0,5}\(", r"\bgzinflate\s{0,5}\(", r"\bstr_rot13\s{0,5}\("],
            ["base64_decode", "gzinflate", "str_rot13"],
        ),
        _any([r"\b(?:eval|assert|create_function)\s{0,5}\("], ["eval", "assert", "create_function"]),
    ),
    (
        _any(
            [r"\bChrW?\(\s{0,5}\d{1,6}\s{0,5}\)\s{0,5}&\s{0,5}ChrW?\(", r"\bStrReverse\s{0,5}\("],
            ["chr &", "strreverse"],
        ),
        _any(
            [r"\bExecute(?:Global)?\b\s{0,5}[(\w\"]", OBJECT + r"WScript\.Shell"],
            ["execute", "wscript.shell"],
        ),
    ),
)

ALONE: Mapping[str, Step] = {
    "script-encoded-command": _any(
        [r"powershell(?:\.exe)?[^\r\n]{0,300}\s-e(?:c|nc|ncodedcommand)?\s+[\"']?[A-Za-z0-9+/=]{40,}"],
        ["powershell -e"],
    ),
    "script-hidden-window": _any(
        [
            r"-w(?:indowstyle)?\s+(?:hidden|1)\b",
            r"\.Run(?:\s{1,20}|\s{0,20}\()[^\r\n;{}]{0,300},\s{0,20}0\s{0,20}(?:,|\)|$)",
        ],
        ["-w hidden", "-w 1", ".run"],
        flags=re.IGNORECASE | re.MULTILINE,
    ),
    "script-reverse-shell": _any(
        [
            r"(?:ba|z|k)?sh\s+-i\s*[^\r\n]{0,20}/dev/(?:tcp|udp)/",
            r"\bn(?:c|cat)\b[^\r\n]{0,80}\s-(?:e|c)\s+/bin/",
            r"mkfifo\s[^\r\n]{0,200}\|\s{0,20}(?:nc|ncat|netcat|telnet)\b",
            r"\bexec\s+\d{1,3}<>\s{0,3}/dev/(?:tcp|udp)/",
        ],
        ["sh /dev/tcp/", "sh /dev/udp/", "nc /bin/", "mkfifo |", "<> /dev/"],
    ),
    "script-persistence": _any(
        [
            r"CurrentVersion\\Run",
            r"schtasks(?:\.exe)?\s+/create",
            r"New-ScheduledTask",
            r"/etc/cron\.",
            r"crontab\s+-",
            r"systemctl\s+enable",
            r"/etc/rc\.local",
        ],
        [
            "currentversion",
            "schtasks",
            "new-scheduledtask",
            "/etc/cron.",
            "crontab",
            "systemctl",
            "/etc/rc.local",
        ],
    ),
}

#: acts of several steps, each step near the step before
STEPS: Mapping[str, tuple[Act, ...]] = {
    "script-reverse-shell": (
        (
            _any([r"Net\.Sockets\.TCPClient"], ["net.sockets.tcpclient"]),
            _any([r"Invoke-Expression|\bIEX\b"], ["invoke-expression", "iex"]),
        ),
        (
            _any([r"socket\.socket"], ["socket.socket"], flags=re.NOFLAG),
            _any([r"dup2"], ["dup2"], flags=re.NOFLAG),
            _any([r"/bin/(?:ba)?sh"], ["/bin/"], flags=re.NOFLAG),
        ),
    ),
}
