"""The analysers that a command is about, and the words that name the same analysers again."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from samplebank.cli.pairs import read_pairs
from samplebank.files import expanded
from samplebank.worker.analysers import BUILT_IN

RULES: Final = "yara_rules"
#: the option with settings, in messages
SETTING: Final = "--setting"
#: names the work on hunts among the names of analysers
HUNT: Final = "hunt"
#: the built-in analysers that scan by the rules
SCANNING: Final = frozenset({"yara", "strings", "documents"})
KNOWN: Final = f"{', '.join(BUILT_IN)}, or your own as package.module:Class."
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=KNOWN)]
RunArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help=f"{KNOWN} With {HUNT}, hunts are worked on as well.")
]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help=KNOWN)]
SettingOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="For the analysers; may be repeated.")
]
ImportFromOption = Annotated[
    list[Path] | None, typer.Option(exists=True, file_okay=False, help="Where your own analysers lie.")
]


class AnalyserChoice(NamedTuple):
    """The analysers that the command line names."""

    names: Sequence[str]
    import_paths: Sequence[str]
    settings: dict[str, str]
    import_from: tuple[Path, ...]
    #: whether the worker also works on hunts
    hunts: bool = False

    @classmethod
    def read(
        cls,
        names: Sequence[str],
        setting: list[str] | None,
        import_from: list[Path] | None,
        *,
        may_hunt: bool = False,
    ) -> "AnalyserChoice":
        """Read the words of a command line. With `may_hunt`, one of the names may be that of hunts."""
        hunts = may_hunt and HUNT in names
        names = [name for name in names if not (hunts and name == HUNT)]
        places = tuple(place.absolute() for place in import_from or [])
        import_paths = [import_path(name) for name in names]
        settings = read_pairs(setting or [], SETTING)
        if RULES in settings and not SCANNING.isdisjoint(names):
            settings[RULES] = _folder(settings[RULES])
        return cls(names, import_paths, settings, places, hunts)

    @property
    def words(self) -> str:
        """The words that name the same analysers on another command line."""
        settings = [word for pair in self.settings.items() for word in (SETTING, "=".join(pair))]
        places = [word for place in self.import_from for word in ("--import-from", str(place))]
        return shlex.join([*self.names, *settings, *places])


def _folder(given: str) -> str:
    """Make the path of a folder absolute, because analysers work in another folder than the user."""
    folder = expanded(Path(given)).absolute()
    if not folder.is_dir():
        raise typer.BadParameter(f"{RULES} names {given}, which is not a folder.", param_hint=SETTING)
    return str(folder)


def import_path(name: str) -> str:
    """Give the import path of the analyser `name`."""
    if ":" in name:
        return name
    if name not in BUILT_IN:
        raise typer.BadParameter(
            f"There is no built-in analyser {name}: choose among {', '.join(BUILT_IN)}, "
            "or name your own as package.module:Class.",
            param_hint="NAME",
        )
    return BUILT_IN[name]
