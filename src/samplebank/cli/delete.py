"""`samplebank delete`: says what a deletion would take, deletes, and saves the receipt."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from samplebank.cli import connection, deletions, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.deletions import Preview, Task
from samplebank.cli.ending import waiting
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption
from samplebank.cli.text import shown
from samplebank.errors import Invalid, Unavailable
from samplebank.receipts import Receipt

CHILDREN: Final = (
    "A child stays, where somebody submitted the child, or the child came out of another file as well."
)

RECEIPT: Final = "`samplebank receipts list --deletion {} --json` shows the receipt."
GOES_ON: Final = f"The service goes on with the deletion: {RECEIPT}"


def delete(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait for the end, and for the receipt.")
    ] = False,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="A new file for the receipt.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Delete a sample, with everything that the service knows of the sample. The receipt proves the deletion."""
    digest = one_hash(sha256)
    if receipt is not None and (dry_run or no_wait):
        raise Invalid(
            "A receipt is there when the sample is deleted: --receipt needs neither --dry-run nor --no-wait."
        )
    if receipt is not None:
        _check_place(receipt)
    with Client(connection.find(url, key)) as client:
        seen = deletions.preview(client, digest)
        if dry_run:
            _tell_preview(seen, as_json=as_json)
            return
        correlation_id = deletions.delete(client, digest)
        if no_wait:
            _tell_opened(correlation_id, as_json=as_json)
            return
        with waiting(GOES_ON.format(correlation_id)):
            task = deletions.await_end(client, correlation_id)
            found = deletions.receipts(client, correlationID=correlation_id, limit=1)
    unwritten = None if receipt is None else _write(found, receipt)
    _tell_end(seen, task, found, as_json=as_json)
    if unwritten is not None:
        raise Unavailable(f"{unwritten} {RECEIPT.format(correlation_id)}")


def _check_place(file: Path) -> None:
    """Raise `Invalid` for a file that cannot be made: after the deletion is too late to say so."""
    try:
        with file.open("xb"):
            file.unlink()
    except FileExistsError:
        raise Invalid(f"{shown(file)} is there already: name a new file for the receipt.") from None
    except OSError as error:
        raise Invalid(
            f"The receipt cannot be written to {shown(file)}: {error.strerror}. Nothing was deleted."
        ) from error


def _write(found: list[Receipt], file: Path) -> str | None:
    """Write the receipt to a new file. Answers why the file could not be written, in a sentence."""
    try:
        for one in found:
            with file.open("xb") as new:
                new.write(msgspec.json.format(msgspec.json.encode(one), indent=2) + b"\n")
    except OSError as error:
        return f"The sample is deleted, but the receipt cannot be written to {shown(file)}: {error.strerror}."
    return None


def _tell_preview(seen: Preview, *, as_json: bool) -> None:
    if as_json:
        printing.write_json({"wouldDelete": msgspec.to_builtins(seen)})
        return
    typer.echo(f"Would delete {_said(seen)}.")
    if seen.children:
        typer.echo(CHILDREN)


def _tell_opened(correlation_id: str, *, as_json: bool) -> None:
    if as_json:
        printing.write_json({"correlationID": correlation_id})
    else:
        typer.echo(f"The service deletes the sample: samplebank receipts list --deletion {correlation_id}")


def _tell_end(seen: Preview, task: Task, found: list[Receipt], *, as_json: bool) -> None:
    if as_json:
        receipt = deletions.shown(found[0]) if found else None
        printing.write_json({"deleted": msgspec.to_builtins(seen), "state": task.state, "receipt": receipt})
    elif task.state == "done":
        typer.echo(f"Deleted {_said(seen)}.")
        for one in found:
            typer.echo(f"Receipt {one.statement['id']}, signed with the key {one.key_id}.")
    if task.state != "done":
        printing.complain(task.said)
        raise typer.Exit(1)


def _said(seen: Preview) -> str:
    rows = {
        "submissions": seen.submissions,
        "jobs": seen.jobs,
        "analyses": seen.analyses,
        "files of evidence": seen.evidence,
        "bytes of evidence": seen.evidence_bytes,
        "links": seen.links,
        "notes": seen.notes,
        "facts": seen.facts,
        "children": seen.children,
        "bytes of children": seen.children_bytes,
    }
    told = ", ".join(f"{name} {number}" for name, number in rows.items() if number)
    return f"{seen.sha256} of {seen.size} bytes; {told or 'no rows that you see'}"
