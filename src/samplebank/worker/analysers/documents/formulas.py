"""Spells formulas of Excel that are stored as tokens, in the order of a calculator. Source: MS-XLS 2.5.198, MS-XLSB 2.5.97."""

import struct
from collections.abc import Mapping

import msgspec

from samplebank.worker.analysers.documents.functions import ARGUMENTS, COMMANDS, FUNCTIONS

MOST_TOKENS, LONGEST = 2000, 4000
BINARY: Mapping[int, str] = {
    0x03: "+", 0x04: "-", 0x05: "*", 0x06: "/", 0x07: "^", 0x08: "&", 0x09: "<", 0x0A: "<=", 0x0B: "=", 0x0C: ">=", 0x0D: ">",
    0x0E: "<>", 0x0F: " ", 0x10: ",", 0x11: ":",
}  # fmt: skip
#: bytes before and behind the operand of one token; the first of the operand tokens
AROUND = {0x12: ("+", ""), 0x13: ("-", ""), 0x14: ("", "%"), 0x15: ("(", ")")}
ARRAY = 0x20
#: kinds of attributes: a choice with a table, and a sum of one argument
CHOICE, SUM = 0x04, 0x10
CLASSES, CLASSLESS = 0x60, 0x1F
COMMAND_BIT, USER_FUNCTION = 0x8000, 0xFF
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a release of Excel stores tokens: the bytes of a row and of a column, and of all tokens that are stepped over."""

    row: int
    column: int
    #: bytes of the length of a text; whether a flag says that the text is in UTF-16
    length: int
    is_flagged: bool
    name: int
    foreign_name: int
    #: bytes before the cell of a reference to another sheet
    sheet: int
    array: int
    #: bytes of tokens without a meaning
    silent: Mapping[int, int]


def _silent(reference: int, area: int, sheet: int, memory: int) -> dict[int, int]:
    return {
        0x01: 4, 0x02: 4, 0x26: memory, 0x27: memory, 0x28: memory, 0x29: 2, 0x2A: reference, 0x2B: area, 0x2C: reference,
        0x2D: area, 0x2E: 2, 0x2F: 2, 0x3C: sheet + reference, 0x3D: sheet + area,
    }  # fmt: skip


EXCEL_5 = Layout(
    row=2,
    column=1,
    length=1,
    is_flagged=False,
    name=14,
    foreign_name=24,
    sheet=14,
    array=7,
    silent=_silent(3, 6, 14, 6),
)
EXCEL_97 = Layout(
    row=2,
    column=2,
    length=1,
    is_flagged=True,
    name=4,
    foreign_name=6,
    sheet=2,
    array=7,
    silent=_silent(4, 8, 2, 6),
)
EXCEL_2007 = Layout(
    row=4,
    column=2,
    length=2,
    is_flagged=False,
    name=4,
    foreign_name=6,
    sheet=2,
    array=14,
    silent=_silent(6, 12, 2, 6),
)


class _Speller:
    def __init__(self, tokens: bytes, layout: Layout, names: Mapping[int, str]) -> None:
        self._tokens, self._layout, self._names = tokens, layout, names
        self._place = 0
        self._stack: list[str] = []

    def spelled(self) -> str:
        for _ in range(MOST_TOKENS):
            if self._place >= len(self._tokens):
                break
            try:
                self._step(self._number(1))
            except (struct.error, IndexError):
                self._stack.append("…")
                break
        return " ".join(self._stack)[:LONGEST]

    def _step(self, token: int) -> None:
        # the two highest bits tell the class of an operand, and not its kind
        kind = token & CLASSLESS | ARRAY if token & CLASSES else token
        if kind in BINARY:
            right, left = self._pop(), self._pop()
            self._push(f"{left}{BINARY[kind]}{right}")
        elif kind < ARRAY:
            self._constant(kind)
        else:
            self._operand(kind)

    def _constant(self, kind: int) -> None:
        match kind:
            case 0x12 | 0x13 | 0x14 | 0x15:
                before, behind = AROUND[kind]
                self._push(f"{before}{self._pop()}{behind}")
            case 0x18:
                self._place += 5
            case 0x19:
                self._attribute()
            case 0x16 | 0x17 | 0x1C | 0x1D | 0x1E | 0x1F:
                self._push(self._value(kind))
            case _:
                self._place += self._layout.silent.get(kind, 0)

    def _value(self, kind: int) -> str:
        match kind:
            case 0x17:
                return '"' + self._text() + '"'
            case 0x1C:
                return ERRORS.get(self._number(1), "#ERROR!")
            case 0x1D:
                return "TRUE" if self._number(1) else "FALSE"
            case 0x1E:
                return str(self._number(2))
            case 0x1F:
                return f"{struct.unpack('<d', self._bytes(8))[0]:g}"
            case _:  # a missing argument
                return ""

    def _operand(self, kind: int) -> None:
        layout = self._layout
        match kind:
            case 0x20:
                self._place += layout.array
                self._push("{…}")
            case 0x21:
                name = FUNCTIONS.get(number := self._number(2), f"FUNCTION{number}")
                self._call(name, ARGUMENTS.get(name, 1))
            case 0x22:
                self._call_variable()
            case 0x23:
                number = int.from_bytes(self._bytes(layout.name)[:2], "little")
                self._push(self._names.get(number, f"NAME{number}"))
            case 0x24:
                self._push(self._cell())
            case 0x25:
                self._push(self._area())
            case 0x39:
                self._bytes(layout.foreign_name)
                self._push("[NAME]")
            case 0x3A:
                self._bytes(layout.sheet)
                self._push(f"!{self._cell()}")
            case 0x3B:
                self._bytes(layout.sheet)
                self._push(f"!{self._area()}")
            case _:
                self._place += layout.silent.get(kind, 0)
                self._push("#REF!")

    def _call_variable(self) -> None:
        count, number = self._number(1) & 0x7F, self._number(2)
        if number & COMMAND_BIT:
            number &= ~COMMAND_BIT
            self._call(COMMANDS.get(number, f"COMMAND{number}"), count)
        elif number == USER_FUNCTION:
            arguments = [self._pop() for _ in range(count)][::-1]
            self._push(f"{arguments[0] if arguments else ''}({','.join(arguments[1:])})")
        else:
            self._call(FUNCTIONS.get(number, f"FUNCTION{number}"), count)

    def _call(self, name: str, count: int) -> None:
        arguments = [self._pop() for _ in range(count)][::-1]
        self._push(f"{name}({','.join(arguments)})")

    def _attribute(self) -> None:
        kind, size = self._number(1), self._number(2)
        if kind & CHOICE:
            self._place += 2 * (size + 1)
        elif kind & SUM:
            self._call("SUM", 1)

    def _cell(self) -> str:
        row = self._number(self._layout.row)
        column = self._number(self._layout.column)
        return cell_name(row & 0x3FFF if self._layout is EXCEL_5 else row, column & 0x3FFF)

    def _area(self) -> str:
        layout = self._layout
        rows = [self._number(layout.row) for _ in range(2)]
        columns = [self._number(layout.column) & 0x3FFF for _ in range(2)]
        return f"{cell_name(rows[0], columns[0])}:{cell_name(rows[1], columns[1])}"

    def _text(self) -> str:
        length = self._number(self._layout.length)
        is_wide = self._layout is EXCEL_2007 or (self._layout.is_flagged and self._number(1) & 1)
        content = self._bytes(2 * length if is_wide else length)
        return content.decode("utf-16-le" if is_wide else "latin-1", "replace").replace('"', '""')

    def _bytes(self, count: int) -> bytes:
        piece = self._tokens[self._place : self._place + count]
        if len(piece) < count:
            raise IndexError
        self._place += count
        return piece

    def _number(self, count: int) -> int:
        return int.from_bytes(self._bytes(count), "little")

    def _push(self, text: str) -> None:
        self._stack.append(text[:LONGEST])

    def _pop(self) -> str:
        return self._stack.pop() if self._stack else ""


def spelled(tokens: bytes, layout: Layout, names: Mapping[int, str]) -> str:
    """Spell a formula. `names` are the defined names by number, from 1."""
    return _Speller(tokens, layout, names).spelled()


def cell_name(row: int, column: int) -> str:
    """The name of a cell such as B7. Rows and columns count from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"
