"""`samplebank drill`: a backup is restored aside, its copy is broken under load, and every promise is looked up."""

import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from samplebank import settings
from samplebank.assembly import open_bank
from samplebank.backups.checking import check_backup
from samplebank.backups.place import for_restore
from samplebank.backups.restoring import Chosen, restore_backup
from samplebank.checkup.examination import examine
from samplebank.checkup.model import Finding, Level
from samplebank.cli.backup import shown
from samplebank.cli.local_service import running
from samplebank.cli.printing import JsonOption, err, out, table, write_json
from samplebank.database.embedded import EmbeddedServer
from samplebank.rehearsal.blows import WHOLE, Outcome, Rehearsed, strike
from samplebank.rehearsal.keeping import Kept, broken, count_kept
from samplebank.rehearsal.load import Load, Promise
from samplebank.serving.installation import opened
from samplebank.settings import Settings
from samplebank.stores import database_folder

#: the agent of the submissions of this drill, which no submission of the backup has
AGENT: Final = f"samplebank-drill-{secrets.token_hex(4)}"
#: what the copy does otherwise than a service by default: two processes are enough to lose one, and housework is seen sooner
OF_COPY: Final = {"SAMPLEBANK_PROCESSES": "2", "SAMPLEBANK_SWEEP_INTERVAL": "1"}


class Drilled(msgspec.Struct, rename="camel"):
    """What the drill saw. `before` and `after` count the rows of the backup that no retention takes."""

    backup: str
    outcomes: list[Outcome]
    promised: int
    lost: int
    doubled: int
    before: Kept
    after: Kept
    faults: list[Finding]

    @property
    def is_good(self) -> bool:
        is_whole = all(one.whole_seconds is not None for one in self.outcomes)
        return is_whole and self.before == self.after and not self.lost + self.doubled and not self.faults


def drill(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that `samplebank backup` was given.")
    ],
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each kind of blow falls.")] = 3,
    beside: Annotated[
        Path | None,
        typer.Option("--folder", help="Where the copy is made; needs as much room as the backup."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Look at all rows and read all stored bytes in the end.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Drill a copy: restore the newest backup aside, break the copy under load, and look for what was promised.

    The copy is removed in the end. No running installation is touched. The exit code is 1 where something was lost or doubled,
    where the copy was not whole again within 30 seconds, and where the doctor finds a fault.
    """
    with tempfile.TemporaryDirectory(prefix="samplebank-drill-", dir=beside) as aside:
        Path(aside).chmod(0o711)  # the account of the database passes through
        own = settings.load({**OF_COPY, "SAMPLEBANK_DATA_DIR": str(Path(aside) / "data")}, folder=Path(aside))
        backup = _restore(own, folder.expanduser().absolute())
        with opened(own) as installation:
            before = asyncio.run(count_kept(installation.database_url, AGENT))
        outcomes, promises = _strike(own, rounds)
        with opened(own) as installation, _status("Looking at the copy ..."):
            url = installation.database_url
            lost, doubled = asyncio.run(broken(url, AGENT, promises))
            after = asyncio.run(count_kept(url, AGENT))
            faults = asyncio.run(_faults(own, url, is_full=full))
        drilled = Drilled(
            backup=backup,
            outcomes=outcomes,
            promised=len(promises),
            lost=lost,
            doubled=doubled,
            before=before,
            after=after,
            faults=faults,
        )
    if as_json:
        write_json({**msgspec.to_builtins(drilled), "good": drilled.is_good})
    else:
        _tell(drilled)
    if not drilled.is_good:
        raise typer.Exit(1)


def _restore(own: Settings, folder: Path) -> str:
    """Restore the newest backup; answers its name."""
    with for_restore(folder) as backups:
        path = backups.choose(None)
        with shown("Checking") as tell:
            said = check_backup(backups, path, tell)
        with shown("Restoring") as tell:
            restore_backup(own, Chosen(backups, path, said), tell)
    return path.name


def _strike(own: Settings, rounds: int) -> tuple[list[Outcome], list[Promise]]:
    """Serve the copy, and strike under load."""
    database = EmbeddedServer(database_folder(own))
    with running(own.folder, keep=False, settings=OF_COPY) as service:
        rehearsed = Rehearsed(service.connection.url, service.process.pid, database)
        with (
            _status("Breaking the copy ..."),
            Load(rehearsed.url, service.connection.key or "", agent=AGENT) as load,
        ):
            outcomes = list(strike(rehearsed, rounds))
    return outcomes, load.promises


async def _faults(own: Settings, url: str, *, is_full: bool) -> list[Finding]:
    async with open_bank(own, url) as bank:
        return [one async for one in examine(bank, is_full=is_full) if one.level is Level.FAULT]


@contextmanager
def _status(text: str) -> Iterator[None]:
    with err().status(text):
        yield


def _tell(drilled: Drilled) -> None:
    console = out()
    console.print(
        table(
            ("FAULT", "ROUNDS", "KILLS", "WHOLE AGAIN WITHIN"),
            ((one.fault, one.rounds, one.kills, _within(one.whole_seconds)) for one in drilled.outcomes),
        )
    )
    console.print(
        f"\nA copy of {drilled.backup}: {drilled.promised} promised, {drilled.lost} lost, {drilled.doubled} doubled.\n"
        f"Of the backup: {drilled.after.submissions} of {drilled.before.submissions} submissions and {drilled.after.samples} of "
        f"{drilled.before.samples} samples are there.",
        markup=False,
    )
    for one in drilled.faults:
        console.print(f"FAULT  {one.subject}: {one.said}", markup=False)
    console.print("All is well." if drilled.is_good else "Not all is well.")


def _within(seconds: float | None) -> str:
    return f"not within {WHOLE:.0f} s" if seconds is None else f"{seconds:.1f} s"
