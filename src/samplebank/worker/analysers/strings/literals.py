"""Texts in quotes, and the expressions that put them together: patterns for `rewriting`."""

import re

#: a text in quotes; the names of the groups tell where a text stands
QUOTED = rb"(?:'[^'\r\n]{0,4000}'|\"[^\"\r\n]{0,4000}\")"
GAP = rb"(?:\s|_\r?\n|`\r?\n){0,20}"
CHAIN = re.compile(rb"%b(?:%b[+&.]%b%b)+" % (QUOTED, GAP, GAP, QUOTED))
#: whether a chain may stand in a text
JOINT = re.compile(rb"['\"]\)?[\s_]{0,20}[+&.]\s{0,20}\(?['\"]")
EACH = re.compile(QUOTED)
GROUPED = re.compile(rb"\((?<![\w\])$.'\"]\()\s{0,5}(%b)\s{0,5}\)" % QUOTED)
FORMAT = re.compile(
    rb"(%b)\s{0,5}\)?\s{0,5}-f\s{0,5}\(?\s{0,5}(%b(?:\s{0,5},\s{0,5}%b){0,200})\s{0,5}\)?"
    % (QUOTED, QUOTED, QUOTED),
    re.IGNORECASE,
)
HOLE = re.compile(rb"\{(\d{1,3})\}")
NUMBER = rb"(?:0x[0-9a-fA-F]{1,4}|&[hH][0-9a-fA-F]{1,4}|\d{1,5})"
SUM = rb"%b(?:\s{0,3}[-+*]\s{0,3}%b){0,4}" % (NUMBER, NUMBER)
#: whether codes of characters may stand in a text, in small letters
CODES = re.compile(rb"\[char[\[\]]|fromcharcode|chr[wb]?\$?\s{0,5}\(\s{0,5}[\d&]")
#: codes of characters, in small letters; the last group that matches has the codes
CHAR = re.compile(rb"\[char\]\s{0,5}(?:\(\s{0,5}(%b)\s{0,5}\)|(%b))" % (SUM, NUMBER))
CHR = re.compile(rb"chr(?<![\w.$]chr)[wb]?\$?\s{0,5}\(\s{0,5}(%b)\s{0,5}\)" % SUM)
LIST = rb"\s{0,5}(%b(?:\s{0,5},\s{0,5}%b){0,8000})\s{0,5}\)" % (SUM, SUM)
FROM_CHAR_CODE = re.compile(rb"string\.fromcharcode\s{0,5}\(" + LIST)
CHARS = re.compile(rb"\[char\[\]\]\s{0,5}@?\(" + LIST)
BACKWARDS = re.compile(
    rb"strreverse\s{0,5}\(\s{0,5}(%b)\s{0,5}\)"
    rb"|(%b)\s{0,5}\.split\(\s{0,3}(?:''|\"\")\s{0,3}\)\s{0,5}\.reverse\(\)\s{0,5}\.join\(\s{0,3}(?:''|\"\")\s{0,3}\)"
    rb"|(%b)\s{0,5}\[::-1\]|(%b)\s{0,5}\[-1\.\.-(?:\d{1,6}|\(?\s{0,3}%b\.length\s{0,3}\)?)\]"
    % (QUOTED, QUOTED, QUOTED, QUOTED, QUOTED),
    re.IGNORECASE,
)
#: whether a text is turned round, in small letters
TURNS = re.compile(
    rb"strreverse|['\"]\s{0,5}(?:\[::-1\]|\[-1\.\.|\.split\(\s{0,3}(?:''|\"\")\s{0,3}\)\s{0,5}\.reverse)"
)
REPLACED = re.compile(
    rb"(%b)\s{0,5}(?:\.replace\s{0,5}\(|-[ci]?replace)\s{0,5}(%b)\s{0,5},\s{0,5}(%b)\s{0,5}\)?"
    % (QUOTED, QUOTED, QUOTED),
    re.IGNORECASE,
)
REPLACE_CALL = re.compile(
    rb"(?<![\w.])replace\s{0,5}\(\s{0,5}(%b)\s{0,5},\s{0,5}(%b)\s{0,5},\s{0,5}(%b)\s{0,5}\)"
    % (QUOTED, QUOTED, QUOTED),
    re.IGNORECASE,
)
#: a name in quotes that is called, or that is a member
NAME = re.compile(rb"([.&])\s{0,5}\(?\s{0,5}['\"]([A-Za-z][\w-]{1,60})['\"]\s{0,5}\)?")
MEMBER = re.compile(rb"\[(?<=[\w)\]]\[)\s{0,5}['\"]([A-Za-z_]\w{1,60})['\"]\s{0,5}\]")
#: a text that a variable gets; the name stands before
ASSIGNED = re.compile(rb"=\s{0,5}(%b)\s{0,5}(?=[;,\r\n]|$)" % QUOTED)
#: the letters that PowerShell's own variables lend
LENT = re.compile(
    rb"\$env:comspec\[(?:4,(?:15|24|26),25|\d,\d\d,25)\]\s{0,3}-join\s{0,3}(?:''|\"\")"
    rb"|\$(?:pshome|shellid)\[\d{1,2}\]\s{0,3}\+\s{0,3}\$(?:pshome|shellid)\[\d{1,2}\]\s{0,3}\+\s{0,3}['\"]x['\"]",
    re.IGNORECASE,
)


def inner(quoted: bytes) -> bytes:
    return quoted[1:-1]


def quoted(content: bytes) -> bytes:
    """A text in the quotes that the text does not have."""
    mark = b"'" if b"'" not in content else b'"'
    return mark + content + mark


def sum_of(written: bytes) -> int:
    """The value of numbers with `+`, `-` and `*` between them, from left to right."""
    total, sign = 0, b"+"
    for part in re.findall(rb"%b|[-+*]" % NUMBER, written):
        if part in (b"+", b"-", b"*"):
            sign = part
            continue
        base = 16 if part[:2].lower() in (b"0x", b"&h") else 10
        value = int(part[2:] if base == 16 else part, base)  # noqa: PLR2004 -- the base
        total = total * value if sign == b"*" else total - value if sign == b"-" else total + value
    return total
