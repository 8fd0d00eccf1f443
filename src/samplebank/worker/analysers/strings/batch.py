"""Resolves the variables of batch files, line by line: `set`, `%name%`, `%name:~1,2%`, `%name:a=b%`, `!name!`."""

import re
from itertools import islice

#: variables that every Windows has
KNOWN = {
    b"comspec": b"C:\\Windows\\system32\\cmd.exe",
    b"public": b"C:\\Users\\Public",
    b"systemroot": b"C:\\Windows",
    b"windir": b"C:\\Windows",
    b"programdata": b"C:\\ProgramData",
    b"allusersprofile": b"C:\\ProgramData",
    b"programfiles": b"C:\\Program Files",
    b"commonprogramfiles": b"C:\\Program Files\\Common Files",
    b"os": b"Windows_NT",
    b"pathext": b".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC",
}
#: variables whose names tell more than their values
AS_THEY_ARE = frozenset(
    b"temp tmp appdata localappdata userprofile username path cd random date time homepath errorlevel".split()
)
CARET = re.compile(rb"\^(?=[^\s^])")
CARETS = re.compile(rb"\^(?<=\w\^)\w{1,3}\^\w")
SET = re.compile(rb"(?:^|[\s&|(@\"])set\s+\"?([\w#$@'()+,.?{}~-]{1,60})=([^\"&|\r\n]{0,8000})", re.IGNORECASE)
#: a variable is set, in small letters
SETS = re.compile(rb"set\s+\"?([\w#$@'()+,.?{}~-]{1,60})=")
PICKS = re.compile(rb"%[\w#$@'()+,.?{}-]{1,60}:~")
#: a use of a variable
USE = re.compile(
    rb"([%!])([\w#$@'()+,.?{}-]{1,60})(?::~(-?\d{1,5})(?:,(-?\d{1,5}))?|:([^=%!\r\n]{1,40})=([^%!\r\n]{0,40}))?\1"
)
MOST_CHARACTERS, MOST_PARTS, MOST_RESOLVED = 256 * 1024, 10_000, 1024 * 1024
LONGEST = 16 * 1024


def may_be_batch(folded: bytes) -> bool:
    """Whether a text in small letters sets a variable and uses the variable, or picks letters out of a variable."""
    if len(folded) > MOST_CHARACTERS or not (b"%" in folded or b"!" in folded):
        return False
    names = {found[1] for found in islice(SETS.finditer(folded), MOST_PARTS)}
    uses = (
        mark + name + end
        for name in names
        for mark, end in ((b"%", b"%"), (b"%", b":"), (b"!", b"!"), (b"!", b":"))
    )
    return any(use in folded for use in uses) or PICKS.search(folded) is not None


def without_carets(text: bytes) -> bytes:
    return CARET.sub(b"", text) if CARETS.search(text) else text


def resolved(text: bytes) -> bytes:
    """The text with its variables resolved, up to `MOST_RESOLVED` bytes. The rest stays as it is."""
    values, parts, size = dict(KNOWN), re.split(rb"([&\n]+)", text), 0
    for number, part in enumerate(parts[:MOST_PARTS]):
        parts[number] = _line(part, values)
        size += len(parts[number])
        if size > MOST_RESOLVED:
            break
    return b"".join(parts)


def _line(line: bytes, values: dict[bytes, bytes]) -> bytes:
    told = USE.sub(lambda use: _value(use, values), line)[:LONGEST]
    for found in SET.finditer(told):
        values[found[1].lower()] = found[2].rstrip(b"\r")
    return told


def _value(use: re.Match[bytes], values: dict[bytes, bytes]) -> bytes:
    name = use[2].lower()
    if name not in values:
        # an unknown variable is empty, and hides words by standing in them
        is_hiding = use[3] is None and use[5] is None and name not in AS_THEY_ARE and _is_inside_word(use)
        return b"" if is_hiding else use[0]
    value = values[name]
    if use[5] is not None:
        return re.sub(re.escape(use[5]), lambda _: use[6], value, flags=re.IGNORECASE)
    if use[3] is None:
        return value
    start = int(use[3])
    value = value[start:] if start >= 0 or -start <= len(value) else value
    return value if use[4] is None else value[: int(use[4])]


def _is_inside_word(use: re.Match[bytes]) -> bool:
    before, behind = use.string[: use.start()][-1:], use.string[use.end() :][:1]
    return before.isalnum() and behind.isalnum()
