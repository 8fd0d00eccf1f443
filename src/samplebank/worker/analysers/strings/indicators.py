"""Collects indicators: addresses, domains, mail addresses, wallets, paths and registry keys.

Each pattern begins with a fixed byte, which the search finds fast. What stands before is looked at from there.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from samplebank.worker.analysers.strings.hosts import (
    defanged,
    is_address,
    is_bare_domain,
    is_bare_host,
    is_host,
    is_well_known,
)
from samplebank.worker.analysers.strings.runs import Runs
from samplebank.worker.analysers.strings.wallets import WALLETS, is_wallet
from samplebank.worker.contract import JSON

KINDS = ("urls", "domains", "ips", "emails", "wallets", "paths", "registry")
#: kinds shown in a form that no program takes for an address
DEFANGED = frozenset({"urls", "domains", "ips", "emails"})
#: indicators of a kind in a result, and different indicators counted
MOST, MOST_COUNTED = 100, 10_000
#: matches of a pattern, looked at in a window
MOST_MATCHES = 50_000
MOST_WELL_KNOWN = 50
LONGEST = 500
#: characters looked at before a match
BEFORE = 80

SCHEME_END = re.compile(rb"://")
SCHEME = re.compile(
    rb"(?:https?|hxxps?|ftps?|wss?|ldaps?|tcp|udp|smb|stratum\+tcp|stratum\+ssl)\Z", re.IGNORECASE
)
AUTHORITY = re.compile(
    rb"(?:[\w.%+~-]{1,60}(?::[\w.%+~!-]{0,60})?@)?((?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}|\[[0-9A-Fa-f:.]{2,45}\])"
    rb"(?::\d{1,5})?"
)
REST = re.compile(rb"[/?#][!#$%&*+,./0-9:;=?@A-Z_a-z~\[\]()|-]{0,2000}")
TRAILING = b"\"'`)]}>,;.:!|"
DOTTED = re.compile(rb"\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.-]|\.\d)")
FIRST_NUMBER = re.compile(rb"(?<![\w.-])\d{1,3}\Z")
DOMAIN = re.compile(rb"\.([a-z]{2,6}|xn--[a-z0-9]{2,20})(?![\w(=.-]|\.\w|\s{0,4}=[^=])")
#: not behind a letter that is no ASCII, such as `ü` in UTF-8 or in one byte: the rest of a name is another name
WHOLE = rb"(?<![\xc0-\xff])(?<![\xc3-\xdf][\x80-\xbf])"
LABELS = re.compile(
    WHOLE
    + rb"(?<![\w@.$/\\-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
MAIL_HOST = re.compile(
    rb"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})(?![\w@-]|\.\w)"
)
MAILBOX = re.compile(WHOLE + rb"(?<![\w.+:/@-])[A-Za-z0-9][\w.+-]{0,63}\Z")
DRIVE = re.compile(rb"(?<![A-Za-z])[A-Za-z]\Z")
WINDOWS_PATH = re.compile(rb":\\\\?[\w .()%$~{}-]{1,80}(?:\\\\?[\w .()%$~{}@+-]{1,80}){1,12}")
VARIABLE_PATH = re.compile(
    rb"%(?:appdata|localappdata|temp|tmp|programdata|public|userprofile|windir|systemroot|allusersprofile|programfiles)%"
    rb"(?:\\\\?[\w .()%$~{}-]{1,80}){1,12}",
    re.IGNORECASE,
)
UNIX_PATH = re.compile(
    rb"/(?:tmp|var/tmp|var/run|dev/shm|etc|root|home|Users|Library)(?:/[\w.+@-]{1,80}){1,12}"
)
NOT_IN_PATH = re.compile(rb"[\w.$}\])>*/-]\Z")
HIVE = re.compile(
    rb"HK(?:EY_(?:LOCAL_MACHINE|CURRENT_USER|CLASSES_ROOT|USERS|CURRENT_CONFIG)|LM|CU|CR|U|CC):?(?:\\\\?[\w .(){}-]{1,80}){1,15}"
)
SOFTWARE = re.compile(rb"S(?:oftware|OFTWARE|YSTEM|ystem)(?:\\\\?[\w .(){}-]{1,80}){2,15}")

Found = tuple[str, int, str]


class Indicator(msgspec.Struct, frozen=True):
    """An indicator at its first place: `where` is the offset in the layer, 0 the layer of the file itself."""

    value: str
    where: int
    layer: int


class Indicators:
    """What was found so far, each value once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Indicator]] = {kind: {} for kind in KINDS}
        self._well_known: dict[str, None] = {}

    def collect(self, runs: Runs, layer: int) -> int:
        """Collect what stands in the runs. Return the number of indicators that are new."""
        before = self.count
        for kind, position, value in indicators_in(runs.text):
            self._add(kind, value, runs.place(position), layer)
        return self.count - before

    @property
    def count(self) -> int:
        return sum(map(len, self._found.values()))

    def facts(self) -> dict[str, JSON]:
        """The indicators of each kind that has some, those of layers first, and how many there are of each kind."""
        listed: dict[str, JSON] = {}
        for kind, found in self._found.items():
            if found:
                ordered = sorted(found.values(), key=lambda one: (one.layer == 0, one.layer, one.where))
                listed[kind] = [_described(kind, one) for one in ordered[:MOST]]
        return {
            "iocs": listed,
            "iocTotals": {kind: len(found) for kind, found in self._found.items() if found},
            "wellKnown": list(self._well_known)[:MOST_WELL_KNOWN],
        }

    def _add(self, kind: str, value: str, where: int, layer: int) -> None:
        found = self._found[kind]
        if value not in found and len(found) < MOST_COUNTED:
            host = _host_of(kind, value)
            if host and is_well_known(host):
                self._well_known.setdefault(value if kind != "urls" else host)
                return
            found[value] = Indicator(value, where, layer)


def indicators_in(text: bytes) -> Iterator[Found]:
    """The kind, position and value of each indicator. A value may come several times."""
    for find in FINDERS:
        yield from islice(find(text), MOST_MATCHES)


def _urls(text: bytes) -> Iterator[Found]:
    for end in islice(SCHEME_END.finditer(text), MOST_MATCHES):
        scheme = SCHEME.search(text[max(0, end.start() - 12) : end.start()])
        host = AUTHORITY.match(text, end.end())
        if scheme is None or host is None:
            continue
        name = host[1].decode()
        address = is_address(name, b"", is_named=True)
        if not (address or name.startswith("[") or is_host(name)):
            continue
        rest = REST.match(text, host.end())
        written = scheme[0] + b"://" + host[0] + (rest[0] if rest else b"").rstrip(TRAILING)
        start = end.start() - len(scheme[0])
        yield "urls", start, written[:LONGEST].decode()
        if not name.startswith("["):
            yield ("ips" if address else "domains"), host.start(1), name.lower()


def _ips(text: bytes) -> Iterator[Found]:
    for rest in islice(DOTTED.finditer(text), MOST_MATCHES):
        before = text[max(0, rest.start() - BEFORE) : rest.start()]
        first = FIRST_NUMBER.search(before)
        if first is None:
            continue
        value = (first[0] + rest[0]).decode()
        is_named = text[rest.end() : rest.end() + 1] == b":" or before.endswith(
            (b"://" + first[0], b"/tcp/" + first[0])
        )
        if is_address(value, before[: first.start()], is_named=is_named):
            yield "ips", rest.start() - len(first[0]), value


def _domains(text: bytes) -> Iterator[Found]:
    for last in islice(DOMAIN.finditer(text), MOST_MATCHES):
        if not is_bare_domain(last[1].decode()):
            continue
        before = LABELS.search(text, max(0, last.start() - BEFORE), last.start())
        if before is None:
            continue
        value = text[before.start() : last.end()].decode()
        if is_bare_host(value):
            yield "domains", before.start(), value


def _emails(text: bytes) -> Iterator[Found]:
    for host in islice(MAIL_HOST.finditer(text), MOST_MATCHES):
        box = MAILBOX.search(text, max(0, host.start() - BEFORE), host.start())
        if box is not None and is_host(host[1].decode()):
            yield "emails", box.start(), (box[0] + b"@" + host[1].lower()).decode()


def _wallets(text: bytes) -> Iterator[Found]:
    for word in (word for pattern in WALLETS for word in islice(pattern.finditer(text), MOST_MATCHES)):
        if is_wallet(word[0]):
            yield "wallets", word.start(), word[0].decode()


def _paths(text: bytes) -> Iterator[Found]:
    for rest in islice(WINDOWS_PATH.finditer(text), MOST_MATCHES):
        if drive := DRIVE.search(text, max(0, rest.start() - 2), rest.start()):
            yield "paths", drive.start(), _path(drive[0] + rest[0])
    for path in islice(VARIABLE_PATH.finditer(text), MOST_MATCHES):
        yield "paths", path.start(), _path(path[0])
    for path in islice(UNIX_PATH.finditer(text), MOST_MATCHES):
        if not NOT_IN_PATH.search(text, max(0, path.start() - 1), path.start()):
            yield "paths", path.start(), _path(path[0])


def _registry(text: bytes) -> Iterator[Found]:
    for key in islice(HIVE.finditer(text), MOST_MATCHES):
        yield "registry", key.start(), _path(key[0])
    for key in islice(SOFTWARE.finditer(text), MOST_MATCHES):
        if text[max(0, key.start() - 1) : key.start()] not in (b"\\", b"/"):
            yield "registry", key.start(), _path(key[0])


def _path(written: bytes) -> str:
    return written.replace(b"\\\\", b"\\").rstrip(b" .-(")[:LONGEST].decode()


FINDERS: tuple[Callable[[bytes], Iterator[Found]], ...] = (
    _urls,
    _ips,
    _emails,
    _domains,
    _wallets,
    _paths,
    _registry,
)


def _host_of(kind: str, value: str) -> str:
    match kind:
        case "urls":
            return (AUTHORITY.match(value.encode(), value.index("://") + 3) or [b"", b""])[1].decode()
        case "domains":
            return value
        case "emails":
            return value.rpartition("@")[2]
        case _:
            return ""


def _described(kind: str, one: Indicator) -> dict[str, JSON]:
    shown = defanged(one.value) if kind in DEFANGED else one.value
    return {"defanged": shown, "value": one.value, "layer": one.layer, "where": one.where}
