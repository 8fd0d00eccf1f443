"""`samplebank blobs`: moves the blob store of the installation."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn

from samplebank import settings
from samplebank.assembly import make_data_folder
from samplebank.blobs import PARTS
from samplebank.cli import bars
from samplebank.cli.printing import JsonOption, complain, out, write_json
from samplebank.database import open_database
from samplebank.errors import Invalid, Unavailable
from samplebank.maintenance.moving import TOLD, Copied, check_own, copy_store
from samplebank.samples.objects import RowTokens
from samplebank.serving.installation import opened
from samplebank.settings import Settings, check_blob_url
from samplebank.stores import closing_store, store_at

blobs_app = typer.Typer(help="Move the stored bytes of the installation.")
#: connections to the database: each file on its way may take one
CONNECTIONS = 4
ENDED = "The copy to {} ended: {}. A repeat of the command copies what is missing."
INSIDE = "{} and {} lie one in the other: name a folder elsewhere."


@blobs_app.callback()
def blobs() -> None:
    """Move the stored bytes of the installation."""


@blobs_app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The store, such as file:///srv/blobs.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The other store, such as s3://bucket/prefix.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Copy all bytes to another store, while the service runs. A repeat copies what has come meanwhile."""
    check_blob_url("FROM", source)
    check_blob_url("TO", target)
    _check_apart(source, target)
    own = settings.load(os.environ)
    make_data_folder(own)
    with opened(own) as installation:
        try:
            copied = asyncio.run(_copy(own, installation.database_url, source, target))
        except OSError as error:
            if error.filename is not None or isinstance(error, BrokenPipeError):
                raise  # which is told with the file, or to nobody
            raise Unavailable(ENDED.format(target, error.strerror or error)) from error
    if as_json:
        write_json(copied)
    else:
        out().print(f"{copied.copied} files copied ({copied.bytes} bytes), {copied.there} were there.")
        for name in copied.failed[:TOLD]:
            complain(f"{name} is missing or damaged in {source}, or was deleted meanwhile.")
    if copied.failed:
        raise typer.Exit(1)


def _check_apart(source: str, target: str) -> None:
    """Raise `Invalid` for two folders of which one lies in the other."""
    folders = [
        Path(url.removeprefix("file://")).resolve() for url in (source, target) if url.startswith("file://")
    ]
    if len(folders) > 1 and (folders[0].is_relative_to(folders[1]) or folders[1].is_relative_to(folders[0])):
        raise Invalid(INSIDE.format(*folders))


async def _copy(own: Settings, database_url: str, source: str, target: str) -> Copied:
    columns = (
        TextColumn("Copying"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[files]} files"),
    )
    with bars.progress(*columns) as progress:
        bar = progress.add_task("", total=2 * PARTS, files=0)

        def tell(done: int, copied: Copied) -> None:
            progress.update(bar, completed=done, files=copied.copied)

        async with open_database(database_url, most=CONNECTIONS) as database:
            tokens = RowTokens(database)
            async with closing_store(store_at(own, source, tokens, is_made=True)) as giver:
                identity = await check_own(database, giver)  # before the folders of the other store are made
                async with closing_store(store_at(own, target, tokens)) as taker:
                    return await copy_store(database, giver, taker, identity, tell)
