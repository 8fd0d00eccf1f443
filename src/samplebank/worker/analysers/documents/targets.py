"""What the target of a link is: an address of the web, a file of a share, a script by a moniker, or a file nearby."""

import re
from enum import StrEnum
from urllib.parse import unquote

import msgspec


class Reach(StrEnum):
    """Where a target lies. A share tells its host who reads the document."""

    WEB = "web"
    SHARE = "share"
    MONIKER = "moniker"
    LOCAL = "local"


WEB = re.compile(r"(?i)\s*(?:url:)?\s*(?:https?|ftps?|wss?|hxxps?):", re.ASCII)
SHARE = re.compile(
    r"(?i)\s*(?:(?:file|smb):)?(?:[\\/]{2}|[\\/]{4,5})([^\\/@:?#\s.][^\\/@:?#\s]{0,253})(?:@\w{1,10})*[\\/]"
)
MONIKER = re.compile(
    r"(?i)\s*(?:mhtml|its|mk:@msitstore|ms-its|x-usc|script|scriptlet|javascript|vbscript|ms-msdt|search-ms|ms-word|ms-excel|ms-officecmd):"
)
#: a page of the web that the moniker of a help file leads to
WITHIN = re.compile(r"(?i)!x-usc:|mhtml:\s*https?:")
NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|0x[0-9a-f]{1,8}|\d{8,10}", re.IGNORECASE)
#: hosts of addresses in private networks, as servers of an office have
PRIVATE = re.compile(r"(?:10|127|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254)\.")
SUFFIXES = (
    "exe dll scr com cpl pif msi js jse vbs vbe wsf wsh hta bat cmd ps1 sct lnk url jar chm scf xll xlam dotm docm inf "
    "appref-ms application library-ms"
)
ACTING = frozenset(SUFFIXES.split())


class Target(msgspec.Struct, frozen=True):
    text: str
    reach: Reach
    host: str = ""

    @property
    def is_outside(self) -> bool:
        """Whether the host lies beyond the own network: a name with a dot, or a public address."""
        if self.reach is Reach.WEB:
            return True
        if self.reach is Reach.MONIKER:
            return True
        return self.reach is Reach.SHARE and "." in self.host and not PRIVATE.match(self.host)

    @property
    def is_acting(self) -> bool:
        """Whether the target is a file that can act, by its name."""
        path = self.text.partition("?")[0].rstrip("/\\ ")
        return path.rpartition(".")[2].lower() in ACTING


def target_of(text: str) -> Target:
    """Look at a target as a program does: escapes are resolved, blanks around do not count."""
    plain = unquote(text[:4000]).strip().strip('"\0')
    if MONIKER.match(plain):
        return Target(plain, Reach.MONIKER)
    if WEB.match(plain):
        return Target(plain, Reach.WEB, _host(plain))
    if found := SHARE.match(plain):
        return Target(plain, Reach.SHARE, found[1].lower())
    return Target(plain, Reach.LOCAL)


def _host(plain: str) -> str:
    _, _, rest = plain.partition(":")
    return rest.lstrip("/\\").partition("/")[0].rpartition("@")[2].partition(":")[0].lower()[:253]
