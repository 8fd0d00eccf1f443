"""Whether the machine can confine parsers, checked before anything is started."""

import logging

from samplebank.errors import Invalid
from samplebank.sandbox import missing_parts
from samplebank.settings import Settings

log = logging.getLogger("samplebank.serving")


def check_sandbox(own: Settings) -> None:
    """Raise `Invalid` with one line when a part of the sandbox is missing. Only warn where the operator accepts that."""
    missing = missing_parts()
    if missing and own.sandbox_required:
        raise Invalid(
            f"This machine cannot confine parsers: it has no {', and no '.join(missing)}. "
            "Run Samplebank on a kernel that has, or accept with SAMPLEBANK_SANDBOX=best that a file "
            "which takes over a parser may reach more than itself."
        )
    for part in missing:
        log.warning("sandbox.incomplete", extra={"fields": {"missing": part}})
