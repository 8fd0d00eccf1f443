"""`samplebank doctor`: whether the installation is as it should be, and what to do where not."""

import asyncio
import os
from typing import Annotated, Final

import typer
from rich.text import Text

from samplebank import settings
from samplebank.assembly import open_bank
from samplebank.checkup.examination import examine
from samplebank.checkup.figures import SUBJECT, examine_tallies, recount_tallies
from samplebank.checkup.model import Finding, Level
from samplebank.cli.printing import JsonOption, err, out, paragraph, write_json
from samplebank.serving.installation import opened
from samplebank.settings import Settings

LOOKS: Final = {
    Level.GOOD: ("ok", "green"),
    Level.ADVICE: ("advice", "yellow"),
    Level.FAULT: ("FAULT", "red"),
}


def doctor(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Look at all rows and read all stored bytes; may take hours.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Count wrong tallies anew; nothing else is ever changed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look whether the installation is as it should be, and tell what to do where not.

    The exit code is 1 where something is wrong. Advice alone is 0.
    """
    own = settings.load(os.environ)
    with opened(own) as installation:
        found = asyncio.run(_examine(own, installation.database_url, is_full=full))
        if repair and any(one.level is Level.FAULT and one.subject == SUBJECT for one in found):
            found = [one for one in found if one.subject != SUBJECT]
            found += asyncio.run(_repaired(own, installation.database_url))
    if json:
        write_json({"where": installation.where, "findings": found})
    else:
        for one in found:
            _tell(one)
        _sum_up(installation.where, found)
    if any(one.level is Level.FAULT for one in found):
        raise typer.Exit(1)


async def _examine(own: Settings, url: str, *, is_full: bool) -> list[Finding]:
    async with open_bank(own, url) as bank:
        with err().status("Looking at the installation ..."):
            return [one async for one in examine(bank, is_full=is_full)]


async def _repaired(own: Settings, url: str) -> list[Finding]:
    async with open_bank(own, url) as bank:
        with err().status("Counting anew ..."):
            await recount_tallies(bank)
        return await examine_tallies(bank, is_full=True)


def _tell(finding: Finding) -> None:
    word, colour = LOOKS[finding.level]
    line = Text.assemble((f"{word:<8}", colour), f"{finding.subject}: ", paragraph(finding.said))
    out().print(line)
    if finding.remedy is not None:
        out().print(Text(" " * 8), paragraph(finding.remedy), sep="")


def _sum_up(where: str, found: list[Finding]) -> None:
    faults = sum(one.level is Level.FAULT for one in found)
    hints = sum(one.level is Level.ADVICE for one in found)
    out().print(paragraph(f"{len(found)} looks at {where}: {faults} found a fault, {hints} led to advice."))
