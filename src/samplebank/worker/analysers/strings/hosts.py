"""Tells names of hosts and addresses from what only looks alike: versions, file names, members of objects."""

import ipaddress
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
#: names of special use, which no root zone lists
SPECIAL = frozenset({"example", "test", "invalid", "local", "internal", "lan", "home", "onion", "i2p", "bit"})
WORDS_OF_VERSIONS = re.compile(
    rb"(?:version|ver|assembly|release|revision|build|oid|section|chapter|rfc|update|v)[\s\"'=:.,(\[\x00/-]{0,12}\Z",
    re.IGNORECASE,
)
#: characters before an address in which a word of versions counts
BEFORE = 24
#: how object identifiers begin
IDENTIFIERS = ("2.5.4.", "2.5.29.", "1.3.6.", "1.3.14.", "1.2.840.", "1.0.10")
#: the addresses of public resolvers look like versions, but are addresses
RESOLVERS = frozenset({"1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "4.2.2.2"})
LOWEST_NUMBER = 10


@cache
def listed(name: str) -> frozenset[str]:
    """The words of a list beside this module, without the comments of the list."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def is_host(name: str) -> bool:
    """Whether a name behind a scheme or an @ can be a host: its last label is a top-level domain, or for special use."""
    labels = name.lower().rstrip(".").split(".")
    return (
        len(labels) > 1
        and all(labels)
        and (labels[-1] in listed("top_level_domains") or labels[-1] in SPECIAL)
    )


def is_bare_domain(label: str) -> bool:
    return label in listed("bare_domains")


def is_bare_host(name: str) -> bool:
    """Whether a name without a scheme is a host, and no file, member or package."""
    labels = name.split(".")
    if name.startswith("www."):
        return is_host(name.removeprefix("www."))
    return is_bare_domain(labels[-1]) and len(labels[-2]) > 1 and not labels[-2].isdecimal()


def is_well_known(host: str) -> bool:
    known, labels = listed("well_known_hosts"), host.lower().split(".")
    return any(".".join(labels[start:]) in known for start in range(len(labels)))


def is_address(text: str, before: bytes, *, is_named: bool) -> bool:
    """Whether four numbers are an address. `before` is the text before; `is_named` tells of a scheme before."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    if address.is_unspecified or address.is_multicast or address.packed[0] in (0, 255):
        return False
    if is_named or text in RESOLVERS:
        return not address.is_loopback
    numbers = address.packed
    is_version = numbers[2:] == b"\0\0" or max(numbers) < LOWEST_NUMBER or numbers[1:] == b"\0\0\1"
    is_version = is_version or text.startswith(IDENTIFIERS)
    return not (address.is_loopback or is_version or WORDS_OF_VERSIONS.search(before[-BEFORE:]))


def defanged(text: str) -> str:
    """An address in a form that no program takes for an address: `hxxps://evil[.]example/a.b`."""
    scheme, colon, rest = text.rpartition("://")
    host, slash, path = rest.partition("/")
    shown = host.replace(".", "[.]").replace("@", "[@]")
    cold = re.sub(r"(?i)^(h)tt(ps?)$|^(f)t(ps?)$", _cold, scheme)
    return f"{cold}{colon}{shown}{slash}{path}"


def _cold(found: re.Match[str]) -> str:
    return f"{found[1]}xx{found[2]}" if found[1] else f"{found[3]}x{found[4]}"
