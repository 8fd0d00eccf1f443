"""Decodes scripts of Microsoft's Script Encoder (VBE, JSE): three alphabets that take turns by a fixed order of 64."""

import re
from collections.abc import Iterator

#: a block begins with the start and a length, and ends with a check sum and the end: each of 6 characters and `==`
START, END = b"#@~^", b"==^#~@"
NUMBER_BYTES, CHECK_BYTES = 8, 6
#: what stands for tab, and for space to DEL, in each of the alphabets
TABS = b"Wn{"
ALPHABETS = (
    b".GzVBj/&IA42[vrC89pEhqO\tbD#uJ~J^@wJa]\"KoN;LPg*}tT+-,0nkf5%!dMRc?{x)(sY3\x7fmUS|:_eFX1ilZH'\\=$y7`Q 6",
    b"-uR`q^I\\b})6 |z\x7fkc3+hQfv1dTCL:L~LE,*t'7DyY/o&rj9{?8wgSG4x]0#Z[lHUpi.L!$NP\tVs5aKX;W\"mM%(FJ2A=_OBe",
    b"20!)[83=X:5e9\\VsfNEkbYx^}JmqA`AS@B'Hru17MR\"TjGd- \x7f.L]~loytC&v%$+(#A4\t*D?w;UiacPgQIOFh|6pnz/_KZ,W",
)
ORDER = bytes(map(int, "0120121221210212021200122102122100212120200120210212001220012021"))
#: bytes that are written as two
PAIRS = {b"@&": b"\n", b"@#": b"\r", b"@*": b">", b"@!": b"<", b"@$": b"@"}
PAIR = re.compile(rb"@[&#*!$]")
AS_THEY_ARE = b"<>@\n\r"
SPACE, ASCII_END = 0x20, 0x80


def blocks(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The encoded blocks of a text with their places."""
    end = 0
    while (start := text.find(START, end)) >= 0 and (stop := text.find(END, start)) >= 0:
        yield start, text[start + len(START) + NUMBER_BYTES : stop - CHECK_BYTES]
        end = stop + len(END)


def decoded(encoded: bytes) -> bytes:
    plain, place = bytearray(), 0
    for byte in PAIR.sub(lambda pair: PAIRS[pair[0]], encoded):
        alphabet = ORDER[place % len(ORDER)]
        place += byte < ASCII_END
        if byte == ord("\t"):
            plain.append(TABS[alphabet])
        elif SPACE <= byte < ASCII_END and byte not in AS_THEY_ARE:
            plain.append(ALPHABETS[alphabet][byte - SPACE])
        else:
            plain.append(byte)
    return bytes(plain)
