"""Of which files a caller is told that the installation has the bytes: of all, or of those of the caller's own customers."""

from samplebank.accounts.access import has_brought_or_sees
from samplebank.accounts.caller import Caller
from samplebank.database import TRUE, Sql
from samplebank.settings import Settings


def known_to(caller: Caller, settings: Settings) -> Sql:
    """The samples `s` that are told to the caller as known. Any other file is answered as a file that nobody has brought."""
    return TRUE if settings.known_files == "all" else has_brought_or_sees(caller, "s")
