"""The `samplebank` program: its commands, and how their ends become exit codes.

0 done, 1 the operation failed, 2 wrong usage; what went wrong is one line on stderr.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from samplebank.cli.apply import apply
from samplebank.cli.demo import demo
from samplebank.cli.jobs import jobs
from samplebank.cli.keys import key_app
from samplebank.cli.printing import complain
from samplebank.cli.serve import serve
from samplebank.cli.submit import submit
from samplebank.cli.workers import worker_app
from samplebank.errors import Refusal

app = typer.Typer(
    name="samplebank",
    help="A self-hosted database of malware samples with analysis jobs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: object) -> None:
    if asked:
        typer.echo(version("samplebank"))
        raise typer.Exit


@app.callback()
def samplebank(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command()(serve)
app.command()(apply)
app.add_typer(key_app, name="key")
app.command()(submit)
app.command()(jobs)
app.add_typer(worker_app, name="worker")
app.command(hidden=True)(demo)


def main(arguments: Sequence[str]) -> int:
    try:
        return int(app(arguments, prog_name="samplebank", standalone_mode=False) or 0)
    except typer.TyperException as mistake:
        complain(f"{mistake.format_message().rstrip('.')}. See `samplebank --help`.")
        return mistake.exit_code
    except typer.Abort:
        return 1
    except Refusal as refusal:
        complain(str(refusal))
        return 1


def run() -> None:
    sys.exit(main(sys.argv[1:]))
