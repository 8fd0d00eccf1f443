"""A ZIP file whose only entry is the ZIP file itself, byte for byte, after Russ Cox's "Zip Files All The Way Down".

The packed bytes are a program of two instructions: L prints the bytes that follow, R prints the last bytes once more. Both have the
same length. The program prints what stands before the program, the program, and what stands behind. The check sum of the whole file
stands in the file, and follows from 32 equations over bits.
"""

import struct
import zlib

NAME = b"self.zip"
UNIT = 10
NOTHING = b"\0\0\0\xff\xff"
HEADER_BITS, END_BITS = 3, 7
#: fixed codes of DEFLATE: for lengths the least length with the extra bits, for distances alike
LENGTHS = (
    [(3 + n, 0) for n in range(8)] + [(11 + 2 * n, 1) for n in range(4)] + [(19 + 4 * n, 2) for n in range(4)]
)
LENGTHS += [(35 + 8 * n, 3) for n in range(4)] + [(67 + 16 * n, 4) for n in range(4)]
DISTANCES = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
]


def self_containing() -> bytes:
    """The file. Another time of change is tried where the equations have no solution."""
    for time in range(64):
        try:
            return _solved(time)
        except ValueError:
            continue
    raise AssertionError("One in some of the times has a solution.")


def _solved(time: int) -> bytes:
    base = zlib.crc32(_made(time, 0))
    # The check sum of the file is affine in the check sum that stands in the file: solve crc(c) = c.
    rows = [(zlib.crc32(_made(time, 1 << bit)) ^ base ^ (1 << bit), 1 << bit) for bit in range(32)]
    target, chosen = base, 0
    for place in range(32):
        pivot = next((row for row in rows if row[0] >> place & 1), None)
        if pivot is None:
            if target >> place & 1:
                raise ValueError("no solution")
            continue
        rows = [
            (row[0] ^ pivot[0], row[1] ^ pivot[1]) if row[0] >> place & 1 else row
            for row in rows
            if row is not pivot
        ]
        if target >> place & 1:
            target, chosen = target ^ pivot[0], chosen ^ pivot[1]
    return _made(time, chosen)


def _made(time: int, crc: int) -> bytes:
    """The file with a check sum in it. The sizes are the same for each check sum."""
    program = _program(bytes(30 + len(NAME)), bytes(46 + len(NAME) + 22))
    size = 30 + len(NAME) + len(program) + 46 + len(NAME) + 22
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, time, 33, crc, len(program), size, len(NAME), 0)
    before = b"PK\x03\x04" + fields + NAME
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + NAME
    at = len(before) + len(program)
    behind = entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), at, 0)
    return before + _program(before, behind) + behind


def _program(before: bytes, behind: bytes) -> bytes:
    head, tail = len(before) + UNIT, len(behind) + UNIT
    print_head, again_head = _print(head), _again(head)
    print_one, print_four, again_four = _print(UNIT), _print(4 * UNIT), _again(4 * UNIT)
    print_tail, again_tail = _print(tail), _again(tail, is_last=True)
    last = again_four + _print(0) * 2 + print_tail
    return b"".join(
        [
            print_head, before, print_head,
            again_head,
            print_one, again_head,
            print_one, print_one,
            print_four, again_head, print_one, print_one, print_four,
            again_four,
            print_four, again_four, print_four, again_four, print_four,
            again_four,
            print_four, last,
            last, again_tail, behind,
            again_tail,
        ]
    )  # fmt: skip


def _print(size: int) -> bytes:
    return NOTHING + b"\0" + struct.pack("<HH", size, size ^ 0xFFFF)


def _again(size: int, *, is_last: bool = False) -> bytes:
    """Print the last `size` bytes once more. An empty stored block fills the instruction up to its length."""
    match = _match(size, size)
    block = [0, 1, 0, *match, *[0] * END_BITS]
    empty = [0, 1, 0, *[0] * END_BITS]
    most = 8 * (UNIT - len(NOTHING) + 1) - HEADER_BITS
    while len(block) + len(empty) <= most:
        block = empty + block
    bits = [*block, int(is_last), 0, 0]
    bits += [0] * (-len(bits) % 8)
    packed = bytes(
        sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8)
    )
    made = packed + NOTHING[1:]
    assert len(made) == UNIT, (size, len(made))
    return made


def _match(length: int, distance: int) -> list[int]:
    code, extra, bits = _coded(length, LENGTHS)
    far, far_extra, far_bits = _coded(distance, DISTANCES)
    # Codes go with their first bit first, numbers with their last.
    return [
        *_first_first(code + 1, 7),
        *_last_first(extra, bits),
        *_first_first(far, 5),
        *_last_first(far_extra, far_bits),
    ]


def _coded(value: int, table: list[tuple[int, int]]) -> tuple[int, int, int]:
    number = max(place for place, (least, _) in enumerate(table) if least <= value)
    least, bits = table[number]
    return number, value - least, bits


def _first_first(value: int, bits: int) -> list[int]:
    return [value >> place & 1 for place in reversed(range(bits))]


def _last_first(value: int, bits: int) -> list[int]:
    return [value >> place & 1 for place in range(bits)]
