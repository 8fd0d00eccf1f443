"""The `samplebank` program and its commands."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from types import FrameType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from samplebank.cli import streams
from samplebank.cli.ending import TERMINATED, exit_code_of
from samplebank.cli.proxies import reach_this_machine_directly
from samplebank.cli.text import Command
from samplebank.files import keep_to_own_account

#: the place of each command; only the called command is loaded, because the modules of the service take seconds
COMMANDS: Final[Mapping[str, str]] = {
    "serve": "samplebank.cli.serve:serve",
    "apply": "samplebank.cli.apply:apply",
    "accounts": "samplebank.cli.accounts:accounts_app",
    "key": "samplebank.cli.keys:key_app",
    "login": "samplebank.cli.login:login",
    "logout": "samplebank.cli.device_login:logout",
    "submit": "samplebank.cli.submit:submit",
    "jobs": "samplebank.cli.jobs:jobs",
    "search": "samplebank.cli.search:search",
    "show": "samplebank.cli.show:show",
    "similar": "samplebank.cli.similar:similar",
    "hunt": "samplebank.cli.hunts:hunt",
    "hunts": "samplebank.cli.hunts:hunts",
    "get": "samplebank.cli.get:get",
    "delete": "samplebank.cli.delete:delete",
    "receipts": "samplebank.cli.receipts:receipts_app",
    "verdict": "samplebank.cli.verdict:verdict_app",
    "link": "samplebank.cli.link:link_app",
    "note": "samplebank.cli.notes:note_app",
    "worker": "samplebank.cli.workers:worker_app",
    "karton": "samplebank.cli.karton:karton",
    "policy": "samplebank.cli.policy:policy",
    "me": "samplebank.cli.me:me",
    "yara": "samplebank.cli.yara_trial:yara_app",
    "events": "samplebank.cli.events:events_app",
    "audit": "samplebank.cli.audit:audit",
    "blobs": "samplebank.cli.blobs:blobs_app",
    "backup": "samplebank.cli.backup:backup",
    "restore": "samplebank.cli.restore:restore",
    "drill": "samplebank.cli.drill:drill",
    "doctor": "samplebank.cli.doctor:doctor",
    "demo": "samplebank.cli.demo:demo",
}
HIDDEN: Final = frozenset({"demo"})
#: the commands whose words may begin with a dash, such as `-customer:acme` in a query
DASHED: Final = frozenset({"search"})
SOON: Final = 0.1  # seconds


class Program(TyperGroup):
    """All commands. Typer would end a command without a word on Ctrl-C."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        with _told_of_ctrl_c():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        with _told_of_ctrl_c():
            return super().invoke(ctx)


@contextmanager
def _told_of_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Abort from None


def _show_version(asked: object) -> None:
    if asked:
        typer.echo(version("samplebank"))
        raise typer.Exit


def _callback(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def application(arguments: Sequence[str]) -> typer.Typer:
    """Build the program with the command that `arguments` call, or with all commands when no command is called."""
    app = typer.Typer(
        name="samplebank",
        cls=Program,
        help="A self-hosted database of malware samples with analysis jobs.",
        callback=_callback,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    called = arguments[0] if arguments else ""
    if called != "--version":
        for name in (called,) if called in COMMANDS else COMMANDS:
            _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    module, _, attribute = COMMANDS[name].partition(":")
    command = getattr(import_module(module), attribute)
    if isinstance(command, typer.Typer):
        for part in command.registered_commands:
            part.cls = Command
        app.add_typer(command, name=name)
    else:
        how = {"ignore_unknown_options": name in DASHED}
        app.command(name, hidden=name in HIDDEN, cls=Command, context_settings=how)(command)


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` call. Answers the exit code."""

    def command() -> int:
        return int(application(arguments)(arguments, prog_name="samplebank", standalone_mode=False) or 0)

    called = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    return exit_code_of(command, f"samplebank {called}".strip())


def run() -> None:
    streams.prepare()
    # What a command has to say is said by its result and its complaints. A service sets up its log itself.
    logging.getLogger("samplebank").addHandler(logging.NullHandler())
    keep_to_own_account()
    reach_this_machine_directly(os.environ)
    is_told_to_end = False

    def end_in_order(_signal: int, frame: FrameType | None) -> None:
        nonlocal is_told_to_end
        is_told_to_end = True
        if _is_lost(frame):
            signal.setitimer(signal.ITIMER_REAL, SOON)
        else:
            _press_ctrl_c(frame)

    signal.signal(signal.SIGTERM, end_in_order)
    signal.signal(signal.SIGALRM, end_in_order)
    if callable(signal.getsignal(signal.SIGINT)):  # else the program is in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main(sys.argv[1:])
    # A further Ctrl-C ends threads that are still at work, without a traceback.
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(TERMINATED if is_told_to_end and code else code)


def _is_lost(frame: FrameType | None) -> bool:
    """Whether Python would drop what is raised here, as in everything that a `__del__` calls."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def _press_ctrl_c(frame: FrameType | None) -> None:
    """Unwind on SIGTERM as on Ctrl-C, so that started processes are stopped, and event loops end their tasks."""
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual):  # as in the background of a script
        raise KeyboardInterrupt
    usual(signal.SIGINT, frame)
