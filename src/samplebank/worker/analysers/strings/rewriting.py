"""Rewrites a text in which expressions hide words: each expression gives way to its value.

A rewriting need not be right for each language: a layer counts only where the layer shows what the text before did not.
"""

import re
from collections.abc import Callable
from itertools import islice

from samplebank.worker.analysers.strings import batch, literals
from samplebank.worker.analysers.strings.literals import inner, quoted

MOST_BYTES = 2 * 1024 * 1024
MOST_ROUNDS = 4
#: the variables of texts up to this size are followed
MOST_OF_VARIABLES, MOST_VARIABLES = 64 * 1024, 500
LONGEST_VALUE = 8 * 1024
#: runs of escapes, each with the words without which there is none
ESCAPES = (
    (b"\\x", re.compile(rb"\\x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})+")),
    (b"\\u00", re.compile(rb"\\u00[0-9a-fA-F]{2}(?:\\u00[0-9a-fA-F]{2})+")),
    (b"%u00", re.compile(rb"%u00[0-9a-fA-F]{2}(?:%u00[0-9a-fA-F]{2})+")),
    (b"%", re.compile(rb"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2}){2,}")),
    (b"&#", re.compile(rb"&#x?[0-9a-fA-F]{2,3};(?:&#x?[0-9a-fA-F]{2,3};){2,}")),
)
ONE_ESCAPE = re.compile(rb"(?:\\x|\\u00|%u00|%)([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{2,3});|&#([0-9]{2,3});")
OCTAL = re.compile(rb"\\[01][0-7]{2}(?:\\[01][0-7]{2}){2,}")
BACKTICK = re.compile(rb"`(?<=[A-Za-z.-]`)(?=[A-Za-z.-])")
PRINTABLE = frozenset(b"\t\r\n" + bytes(range(0x20, 0x7F)))
REPLACE = re.compile(rb"replace(?=\s{0,5}\(?\s{0,5}['\"])")
FILL, BEFORE_FILL = (
    re.compile(rb"-f(?=\s{0,5}\(?\s{0,5}['\"])"),
    re.compile(rb"['\"]\s{0,5}\)?\s{0,5}\Z"),
)
#: a text in quotes with the call, or a call that begins a word, as Visual Basic has it
BEFORE_REPLACE = re.compile(rb"['\"]\s{0,5}(?:\.|-[ci]?)$|(?:^|[^\w.-])$")
JOINT = re.compile(rb"[+&]")
NAME, NAME_BEFORE = re.compile(rb"\s{0,5}(\$?[a-z_]\w{0,60})"), re.compile(rb"(\$?[a-z_]\w{0,60})\s{0,5}$")
FILLING = re.compile(rb"(?:-f|,|strreverse\s{0,5}\()\s{0,5}(\$[a-z_]\w{0,60}|(?<=\()[a-z_]\w{0,60})")
TURNED = re.compile(
    rb"(?<![\w$])(\$?[a-z_]\w{0,60})"
    rb"(?=\s{0,5}(?:\[-1\.\.|\[::-1\]|\.split\(\s{0,3}(?:''|\"\")\s{0,3}\)\s{0,5}\.reverse))"
)
MOST_JOINTS = 5000
USE = re.compile(rb"(?<![\w.'\"`@])(\$?[A-Za-z_]\w{0,60})(?=\s{0,5}(?:[+&),;.\]]|\r?\n|-f|\[|$))")

FOLLOWING, JOINING = "variables", "concatenation"

Rule = tuple[str, Callable[[bytes], bool], Callable[[bytes], bytes]]


def rewritten(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The text with its expressions resolved, and the names of what was resolved."""
    text = text[:MOST_BYTES]
    how: dict[str, None] = {}
    rules = RULES
    for _ in range(MOST_ROUNDS):
        after, changed = _one_round(text, rules)
        if changed.keys() <= {FOLLOWING}:
            break  # values in place of variables alone show nothing new
        text = after
        how |= dict.fromkeys(changed)
        if changed.keys() <= OF_TEXTS:
            rules = LATER_RULES
        if changed.keys() <= {JOINING} and (len(text) > MOST_OF_VARIABLES or _followed(text) == text):
            break
    if not how:
        return text, ()
    named = _named(text)
    return named, (*how, *(("quoted names",) if named != text else ()))


def _one_round(text: bytes, rules: tuple[Rule, ...]) -> tuple[bytes, dict[str, None]]:
    changed: dict[str, None] = {}
    folded = text.lower()
    for name, may_match, rule in rules:
        if may_match(folded):
            after = rule(text)[:MOST_BYTES]
            if after != text:
                changed[name] = None
                text, folded = after, after.lower()
    return text, changed


def _holds(*words: bytes) -> Callable[[bytes], bool]:
    return lambda folded: any(word in folded for word in words)


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], bool]:
    return lambda folded: pattern.search(folded) is not None


def _may_replace(folded: bytes) -> bool:
    """Whether a text in quotes, and no variable, has parts replaced."""
    places = (found.start() for found in islice(REPLACE.finditer(folded), MOST_JOINTS))
    return any(BEFORE_REPLACE.search(folded, max(0, place - 8), place) for place in places)


def _may_format(folded: bytes) -> bool:
    """Whether a text in quotes is filled with others."""
    places = (found.start() for found in islice(FILL.finditer(folded), MOST_JOINTS))
    return any(BEFORE_FILL.search(folded, max(0, place - 12), place) for place in places)


def _unescaped(text: bytes) -> bytes:
    for start, pattern in ESCAPES:
        if start in text:
            text = pattern.sub(_from_escapes, text)
    return OCTAL.sub(_from_octal, text) if b"\\1" in text else text


def _from_escapes(run: re.Match[bytes]) -> bytes:
    values = [int(one[1] or one[2] or one[3], 10 if one[3] else 16) for one in ONE_ESCAPE.finditer(run[0])]
    return _readable(values) or run[0]


def _from_octal(run: re.Match[bytes]) -> bytes:
    return _readable([int(one, 8) for one in run[0].split(b"\\")[1:]]) or run[0]


def _readable(values: list[int]) -> bytes:
    """The characters of the numbers; nothing where one is no printable character."""
    return bytes(values) if values and all(value in PRINTABLE for value in values) else b""


def _characters(text: bytes) -> bytes:
    for pattern in (literals.CHAR, literals.CHR, literals.FROM_CHAR_CODE, literals.CHARS):
        pieces, end = [], 0
        # small letters have the places of all letters, and are found much faster than letters of any case
        for found in pattern.finditer(text.lower()):
            written = text[found.start() : found.end()]
            codes = found[found.lastindex or 0].split(b",")
            pieces += [text[end : found.start()], _quoted_characters(codes, written)]
            end = found.end()
        text = b"".join([*pieces, text[end:]]) if pieces else text
    return text


def _quoted_characters(sums: list[bytes], written: bytes) -> bytes:
    readable = _readable([literals.sum_of(one) for one in sums])
    return quoted(readable) if readable else written


def _joined(text: bytes) -> bytes:
    for _ in range(MOST_ROUNDS):
        before, text = text, literals.GROUPED.sub(lambda group: group[1], text)
        text = literals.CHAIN.sub(
            lambda chain: quoted(b"".join(inner(part) for part in literals.EACH.findall(chain[0]))), text
        )
        if text == before:
            break
    return text


def _formatted(text: bytes) -> bytes:
    def fill(found: re.Match[bytes]) -> bytes:
        parts = [inner(part) for part in literals.EACH.findall(found[2])]
        holes = [int(hole) for hole in literals.HOLE.findall(found[1])]
        if not holes or max(holes) >= len(parts):
            return found[0]
        filled = literals.HOLE.sub(lambda hole: parts[int(hole[1])], inner(found[1]))
        return quoted(filled[:LONGEST_VALUE])

    return literals.FORMAT.sub(fill, text)


def _turned(text: bytes) -> bytes:
    return literals.BACKWARDS.sub(lambda found: quoted(inner(found[found.lastindex or 0])[::-1]), text)


def _replaced(text: bytes) -> bytes:
    def replace(found: re.Match[bytes]) -> bytes:
        whole, old, new = (inner(found[number]) for number in (1, 2, 3))
        return quoted(whole.replace(old, new)[:LONGEST_VALUE]) if old else found[0]

    return literals.REPLACE_CALL.sub(replace, literals.REPLACED.sub(replace, text))


def _followed(text: bytes) -> bytes:
    """Put the values of variables in place of the variables that get a text once."""
    wanted = _joined_names(text.lower())
    if not wanted:
        return text
    values: dict[bytes, bytes] = {}
    several = set()
    for found in literals.ASSIGNED.finditer(text):
        before = NAME_BEFORE.search(text[max(0, found.start() - 64) : found.start()].lower())
        if before and before[1] in wanted and values.setdefault(before[1], found[1]) != found[1]:
            several.add(before[1])
    once = [name for name in values if name not in several]
    usable = {name: values[name] for name in once[:MOST_VARIABLES]}
    return USE.sub(lambda use: usable.get(use[1].lower(), use[0]), text) if usable else text


def _joined_names(folded: bytes) -> set[bytes]:
    """The names beside a `+` or `&`, and those that fill a format or are turned round."""
    is_filling = b"-f" in folded or b"strreverse" in folded
    names = set(FILLING.findall(folded)) if is_filling else set()
    if MAY_TURN(folded):
        names |= set(TURNED.findall(folded))
    for joint in islice(JOINT.finditer(folded), MOST_JOINTS):
        for name in (
            NAME_BEFORE.search(folded, max(0, joint.start() - 64), joint.start()),
            NAME.match(folded, joint.end()),
        ):
            if name:
                names.add(name[1])
    return names


def _named(text: bytes) -> bytes:
    text = literals.NAME.sub(lambda name: name[1] + name[2], text)
    return literals.MEMBER.sub(lambda name: b"." + name[1], text)


MAY_TURN = _holds(b"reverse()", b"strreverse", b"[::-1]", b"[-1..")
#: in this order: rules that make characters, rules that make texts of characters, rules that name texts
RULES: tuple[Rule, ...] = (
    ("carets", _holds(b"^"), batch.without_carets),
    ("batch variables", batch.may_be_batch, batch.resolved),
    ("escapes", lambda _: True, _unescaped),  # which looks for the beginning of each kind
    ("backticks", _holds(b"`"), lambda text: BACKTICK.sub(b"", text)),
    (
        "lent letters",
        _holds(b"$env:comspec[", b"$pshome[", b"$shellid["),
        lambda text: literals.LENT.sub(b"'iex'", text),
    ),
    ("character codes", _matches(literals.CODES), _characters),
    (FOLLOWING, lambda folded: len(folded) <= MOST_OF_VARIABLES and b"=" in folded, _followed),
    ("format", _may_format, _formatted),
    (JOINING, _matches(literals.JOINT), _joined),
    (
        "reversal",
        lambda folded: MAY_TURN(folded) and _matches(literals.TURNS)(folded),
        _turned,
    ),
    ("replacement", _may_replace, _replaced),
)
#: the rules that make texts of texts: where no other rule changed the text, no other rule is tried again
LATER_RULES = RULES[[name for name, *_ in RULES].index(FOLLOWING) :]
OF_TEXTS = frozenset(name for name, *_ in LATER_RULES)
