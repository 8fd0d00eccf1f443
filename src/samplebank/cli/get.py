"""`samplebank get`: saves samples, in archives with the password `infected` unless raw bytes are asked for."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from samplebank.cli import connection, printing, streams
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.hashes import sort_hashes
from samplebank.cli.printing import JsonOption
from samplebank.cli.refusals import Away
from samplebank.cli.text import shown
from samplebank.errors import Conflict, Refusal, Unauthenticated, Unavailable

WARNING: Final = (
    "What is saved may be malware as it is: nothing in {} should be opened or run on this machine."
)


def get(
    sha256: Annotated[
        list[str], typer.Argument(metavar="SHA256", help='The samples; "-" reads them from stdin.')
    ],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Bytes as they are, instead of an archive.")] = False,
    out: Annotated[Path, typer.Option("--out", help="The folder; made where there is none.")] = Path(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Save samples in files that are named by their SHA256: SHA256.zip, password "infected", or with --raw SHA256."""
    hashes, wrong = sort_hashes(streams.read_input().split() if sha256 == ["-"] else sha256)
    out.mkdir(parents=True, exist_ok=True)
    saved: list[dict[str, str]] = []
    failed = len(wrong)
    for mistake in wrong:
        printing.complain(mistake)
    if raw:
        printing.complain(WARNING.format(shown(out)))
    with Client(connection.find(url, key)) as client:
        for digest in hashes:
            path = out / (digest if raw else f"{digest}.zip")
            try:
                _save(client, digest, path, raw=raw, overwrite=overwrite)
            except (Unauthenticated, Away):  # the same for each other sample
                if json:
                    printing.write_json({"files": saved})
                raise
            except Refusal as refusal:
                failed += 1
                printing.complain(f"{digest}: {refusal}")
                continue
            saved.append({"sha256": digest, "path": shown(path)})
            if not json:
                typer.echo(shown(path))
    if json:
        printing.write_json({"files": saved})
    if failed:
        raise typer.Exit(1)


def _save(client: Client, sha256: str, path: Path, *, raw: bool, overwrite: bool) -> None:
    """Save a sample under a name that has all bytes. A file that is there stays, unless told otherwise."""
    if os.path.lexists(path) and not overwrite:
        raise Conflict(_there_already(path))
    number, name = tempfile.mkstemp(prefix=".samplebank-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            digest = _download(client, f"/sample/{sha256}/{'raw' if raw else 'safe'}", file)
        if raw and digest != sha256:
            raise Unavailable("The bytes that came do not match the hash, and are not kept; try again.")
        if not overwrite:
            _claim(path)
        partial.replace(path)
    except OSError as error:
        raise Unavailable(f"{shown(path)} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _download(client: Client, address: str, file: BinaryIO) -> str:
    """Write what is at an address to a file. Answers the SHA-256."""
    digest = hashlib.sha256()
    with client.bytes_at(address) as pieces:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _claim(path: Path) -> None:
    """Take a name that nobody has, also where several programs save at once."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise Conflict(_there_already(path)) from None


def _there_already(path: Path) -> str:
    return f"{shown(path)} is there already and stays as it is; --overwrite replaces it."
