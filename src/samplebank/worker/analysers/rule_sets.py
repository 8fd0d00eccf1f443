"""Compiles the files of rules to a set. Each file has a separate namespace. A broken file costs only its own rules.

A file may use rules of other files, as if YARA got all files at once. Such a file is compiled behind the needed files.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import msgspec
import yara_x

from samplebank.worker.analysers import rule_files
from samplebank.worker.analysers.rule_files import RuleFile

#: the variables of rules, as in Loki and THOR; rule_variables.py gives each scan the values
VARIABLES = ("filename", "filepath", "extension", "filetype", "owner")
#: characters of the reason for which a file is left out
LONGEST_REASON = 1000
SCAN_SECONDS = 50
MOST_MATCHES = 1000
NOTHING = bytes(4096)
#: files that one file may need, and bytes of files compiled once more for files in need
MOST_NEEDED, MOST_REPEATED_BYTES = 20, 16 * 1024 * 1024
UNKNOWN = {"E009": re.compile(r"unknown identifier `(\w+)`"), "E010": re.compile(r"unknown module `(\w+)`")}
RULE = re.compile(r"\brule\s+([A-Za-z_]\w*)")


class Unit(msgspec.Struct, frozen=True):
    """A file with the needed files. `foreign` names the rules of the needed files, which count elsewhere."""

    file: RuleFile
    needed: tuple[RuleFile, ...] = ()
    foreign: frozenset[str] = frozenset()


class RuleSet(msgspec.Struct, frozen=True):
    """The namespace of a rule is the index of its unit in `units`.

    `broken` is as in `rule_files.Found`. `partial` gives for files the reason why some rules of the file are left out.
    """

    scanner: yara_x.Scanner
    size: int
    units: tuple[Unit, ...]
    broken: dict[str, str]
    partial: dict[str, str]

    def file_of(self, rule: yara_x.Rule) -> RuleFile | None:
        """The file of a rule; None for a rule that counts in another unit."""
        unit = self.units[int(rule.namespace)]
        return None if rule.identifier in unit.foreign else unit.file


class Refused(msgspec.Struct, frozen=True):
    """Why a file cannot be compiled, and which rules and modules the file needs and lacks."""

    reason: str
    rules: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()


class _Compiled(msgspec.Struct, frozen=True):
    compiler: yara_x.Compiler
    refused: dict[Path, Refused]
    partial: dict[Path, str]


def compiled(found: Iterable[rule_files.Found]) -> RuleSet:
    folders = tuple(found)
    files = tuple(file for folder in folders for file in folder.files)
    broken = {name: reason for folder in folders for name, reason in folder.broken.items()}
    units = tuple(map(Unit, files))
    first = outcome = _compiled(units, frozenset())
    if (
        first.refused
    ):  # The compiler holds the good rules of a broken file, so compile again without the file.
        modules = frozenset(name for refused in first.refused.values() for name in refused.modules)
        mended, refused = _mended(files, first.refused, modules)
        units = tuple(mended.get(unit.file.path, unit) for unit in units if unit.file.path not in refused)
        broken |= {file.name: refused[file.path].reason for file in files if file.path in refused}
        outcome = _compiled(units, modules)
    partial = {
        unit.file.name: outcome.partial[unit.file.path] for unit in units if unit.file.path in outcome.partial
    }
    return _scanning(outcome.compiler.build(), units, broken, partial)


def _scanning(
    rules: yara_x.Rules, units: tuple[Unit, ...], broken: dict[str, str], partial: dict[str, str]
) -> RuleSet:
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(SCAN_SECONDS)
    scanner.max_matches_per_pattern(MOST_MATCHES)
    # The first scan makes tables for all scans: here once, instead of in the process of each scan.
    scanner.scan(NOTHING)
    size = sum(rule.identifier not in units[int(rule.namespace)].foreign for rule in rules)
    return RuleSet(scanner, size, units, broken, partial)


def _compiled(units: Iterable[Unit], modules: frozenset[str]) -> _Compiled:
    """Compile all. Rules in need of one of the modules are left out."""
    compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
    for name in VARIABLES:
        compiler.define_global(name, "")
    for name in modules:
        compiler.ignore_module(name)
    outcome = _Compiled(compiler, {}, {})
    for number, unit in enumerate(units):
        compiler.new_namespace(str(number))
        left_out, errors = len(_ignored(compiler)), len(compiler.errors())
        try:
            for file in (*unit.needed, unit.file):
                compiler.add_source(rule_files.read(file), origin=file.name)
        except (yara_x.CompileError, ValueError, OSError) as error:
            outcome.refused[unit.file.path] = _refused(error, compiler.errors()[errors:])
        if ignored := _ignored(compiler)[left_out:]:
            outcome.partial[unit.file.path] = f"{len(ignored)} rules are left out: {ignored[0]}."
    return outcome


def _ignored(compiler: yara_x.Compiler) -> list[str]:
    """Why rules are left out, one reason for each rule."""
    stub_is_wrong: Any = compiler
    return [str(rule.message) for rule in stub_is_wrong.ignored_rules()]


def _refused(error: Exception, errors: Iterable[Mapping[str, str]]) -> Refused:
    said = error.strerror if isinstance(error, OSError) else str(error)
    unknown: dict[str, set[str]] = {code: set() for code in UNKNOWN}
    for one in errors:
        if (pattern := UNKNOWN.get(one["code"])) and (name := pattern.search(one["title"])):
            unknown[one["code"]].add(name[1])
    reason = " ".join(str(said).split())[:LONGEST_REASON]
    modules = frozenset(unknown["E010"])
    return Refused(reason, rules=frozenset(unknown["E009"]) - modules, modules=modules)


def _mended(
    files: tuple[RuleFile, ...], refused: Mapping[Path, Refused], modules: frozenset[str]
) -> tuple[dict[Path, Unit], dict[Path, Refused]]:
    """Files that compile behind others or without rules of unknown modules, and files that do not compile at all."""
    mended: dict[Path, Unit] = {}
    hopeless: dict[Path, Refused] = {}
    definitions = _Definitions(files)
    left = MOST_REPEATED_BYTES
    for file in files:
        if file.path in refused:
            unit, lacks = _mended_file(Unit(file), refused[file.path], definitions, modules, left)
            if lacks is None:
                left -= _size(unit.needed)
                mended[file.path] = unit
            else:
                hopeless[file.path] = lacks
    return mended, hopeless


def _mended_file(
    unit: Unit, refused: Refused, definitions: "_Definitions", modules: frozenset[str], left: int
) -> tuple[Unit, Refused | None]:
    """The file behind the needed files, with `left` bytes of needed files at most; or why the file cannot be compiled."""
    lacks: Refused | None = refused
    tried = {unit.needed}
    for _ in range(MOST_NEEDED):
        if lacks is None or not (lacks.rules or lacks.modules):
            break
        new = [
            found for name in sorted(lacks.rules) if (found := definitions.nearest(name, unit)) is not None
        ]
        # Needed files come first. The files needed before may need the new files.
        needed = tuple(dict.fromkeys((*new, *unit.needed)))
        if lacks.rules and needed in tried:
            break
        tried.add(needed)
        unit = Unit(unit.file, needed)
        if _size(unit.needed) > left:
            return unit, Refused(
                "The files whose rules this file uses are too large to be compiled once more."
            )
        lacks = _compiled((unit,), modules).refused.get(unit.file.path)
    return Unit(unit.file, unit.needed, _names(unit.needed, modules)), lacks


def _size(files: Iterable[RuleFile]) -> int:
    return sum(file.size for file in files)


def _names(files: tuple[RuleFile, ...], modules: frozenset[str]) -> frozenset[str]:
    """The names of the rules of files that compile one behind the other."""
    if not files:
        return frozenset()
    outcome = _compiled((Unit(files[-1], files[:-1]),), modules)
    return frozenset(rule.identifier for rule in outcome.compiler.build())


class _Definitions:
    """Which file seems to define which rules: a comment may name rules, too. The files are read when the first question comes."""

    def __init__(self, files: tuple[RuleFile, ...]) -> None:
        self._files = files
        self._known: dict[RuleFile, frozenset[str]] | None = None

    def nearest(self, rule: str, asking: Unit) -> RuleFile | None:
        """The nearest file that seems to define the rule, a file that is not needed yet first; None where there is no such file.

        A file that is needed already stands behind another file that needs the rule.
        """
        found = [file for file, names in self._read().items() if rule in names and file != asking.file]
        return min(
            found,
            key=lambda file: (file in asking.needed, _steps(file.path, asking.file.path), file.name),
            default=None,
        )

    def _read(self) -> dict[RuleFile, frozenset[str]]:
        if self._known is None:
            self._known = dict(self._defined())
        return self._known

    def _defined(self) -> Iterator[tuple[RuleFile, frozenset[str]]]:
        for file in self._files:
            try:
                yield file, frozenset(RULE.findall(rule_files.read(file)))
            except (OSError, ValueError):
                yield file, frozenset()


def _steps(one: PurePath, other: PurePath) -> int:
    """The folders between two files."""
    common = len(PurePath(os.path.commonpath((one.parent, other.parent))).parts)
    return len(one.parent.parts) + len(other.parent.parts) - 2 * common
