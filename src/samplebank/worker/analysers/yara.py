"""Scans with YARA-X. Uses the rules that come with Samplebank, and the rules of a folder of the operator's.

The metadata of a rule say what a match means: score (0 to 100), assessment, family, description.
"""

import mmap
import os
from collections.abc import Mapping
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import ClassVar, get_args

import yara_x

from samplebank.worker.analysers import rule_files, rule_matches, rule_sets
from samplebank.worker.analysers.rule_matches import Match, meaning_of
from samplebank.worker.analysers.rule_sets import SCAN_SECONDS, RuleSet
from samplebank.worker.analysers.rule_variables import variables_of
from samplebank.worker.contract import (
    JSON,
    Analyser,
    Assessment,
    Detection,
    Rejected,
    Result,
    SampleFile,
)

MIB = 1024 * 1024
SHIPPED_RULES = Path(__file__).parent / "yara_rules"
MOST_RULES = 500
#: broken rule files that a result names
MOST_BROKEN = 100
#: characters of the reason that a line of the log shows
LONGEST_PROBLEM = 300
YES_NO = ("yes", "no")
USELESS = (
    "No file of rules in {} can be used. The rules that were there before stay in force. The first is {}"
)
GONE = "The folder of rules {} cannot be read: {}. The rules that were there before stay in force."

SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "YARA scan",
    "type": "object",
    "required": ["rules", "brokenRuleFiles"],
    "properties": {
        "rules": {
            "title": "Rules",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["rule", "file", "score", "assessment"],
                "properties": {
                    "rule": {"title": "Rule", "type": "string"},
                    "file": {"title": "File", "type": "string"},
                    "score": {"title": "Score", "type": "integer", "minimum": 0, "maximum": 100},
                    "assessment": {"title": "Assessment", "enum": list(get_args(Assessment))},
                    "family": {"title": "Family", "type": ["string", "null"]},
                    "description": {"title": "Description", "type": ["string", "null"]},
                    "tags": {"title": "Tags", "type": "array", "items": {"type": "string"}},
                    "patterns": rule_matches.PATTERNS,
                },
            },
        },
        "brokenRuleFiles": {
            "title": "Broken rules",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
    },
}


class YaraAnalyser(Analyser):
    """The setting `yara_rules` names a folder of rules. Changes in the folder are seen before the next scan.

    With `shipped_rules=no`, only the rules of this folder count.
    """

    short_name = "yara"
    version = f"1.0 (yara-x {metadata.version('yara-x')})"
    names: ClassVar[Mapping[str, str]] = {"english": "YARA", "norwegian": "YARA"}
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Scans with YARA rules: known families, packers, droppers and tell-tale behaviour.",
        "norwegian": "Søker med YARA-regler: kjente familier, pakkere, droppere og avslørende oppførsel.",
    }
    schema = SCHEMA
    # A sample is mapped into memory as a whole, so this bound is also the bound of a sample.
    memory_bytes = 4096 * MIB
    seconds = 60.0
    known_settings = frozenset({"yara_rules", "shipped_rules"})
    renews_folders = True

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        own = settings.get("yara_rules")
        if own and not Path(own).is_dir():
            raise NotADirectoryError(f"yara_rules names {own}, which is not a folder.")
        if settings.get("shipped_rules", "yes") not in YES_NO:
            raise ValueError("shipped_rules must be yes or no.")
        self._has_shipped = settings.get("shipped_rules") != "no"
        # Links are not resolved: the operator may point a link at another folder later.
        self._own = Path(own).absolute() if own else None
        self._looked_at: tuple[rule_files.Found, ...] = ()
        self._rules: RuleSet | None = None
        self._kept_because = ""

    def folders(self) -> tuple[Path, ...]:
        shipped = (SHIPPED_RULES,) if self._has_shipped else ()
        return shipped if self._own is None else (*shipped, self._own)

    def prepare(self) -> None:
        self._current_rules()

    def problems(self) -> tuple[str, ...]:
        rules = self._rules or self._current_rules()
        said = [(name, "is left out", why) for name, why in rules.broken.items()]
        said += [(name, "is used in part", why) for name, why in rules.partial.items()]
        told = [
            f"{name} in {self._own} {what}: {why[:LONGEST_PROBLEM]}" for name, what, why in said[:MOST_BROKEN]
        ]
        if more := len(said) - len(told):
            told.append(f"{more} more in {self._own} are left out.")
        return (*told, *([self._kept_because] if self._kept_because else []))

    def analyse(self, sample: SampleFile) -> Result:
        rules = self._rules or self._current_rules()
        _set(rules, variables_of(sample))
        try:
            found = _matches(rules, rules.scanner.scan_file(str(sample.path)))
        except yara_x.TimeoutError:
            raise Rejected(f"The scan took longer than {SCAN_SECONDS} seconds.") from None
        except yara_x.ScanError as error:
            raise Rejected(f"The file cannot be scanned: {error}.") from None
        return Result(
            score=rule_matches.score_by(match.meaning for match in found),
            result={
                "rules": _described(found, sample.path),
                "brokenRuleFiles": dict(islice(rules.broken.items(), MOST_BROKEN)),
            },
            tags=rule_matches.tags_of((match.rule.identifier, match.meaning) for match in found),
            detections=[Detection(match.rule.identifier, match.meaning.assessment) for match in found],
            possible_detections=rules.size,
        )

    def matches_in(self, content: bytes, variables: Mapping[str, str]) -> list[Match]:
        """The rules that match bytes of an analysis, highest scores first. `variables` are those of rule_variables.py.

        Raises yara_x.ScanError, and its subclass yara_x.TimeoutError.
        """
        rules = self._rules or self._current_rules()
        _set(rules, variables)
        return _matches(rules, rules.scanner.scan(content))

    def _current_rules(self) -> RuleSet:
        try:
            found = tuple(rule_files.find(folder) for folder in self.folders())
        except OSError as error:
            if self._rules is None:
                raise
            self._looked_at, self._kept_because = (), GONE.format(self._own, error.strerror)
            return self._rules
        if self._rules is None or found != self._looked_at:
            before, self._rules = (
                self._rules,
                None,
            )  # where compiling fails, the old rules must not stay in force
            new = rule_sets.compiled(found)
            self._rules, self._kept_because = new, ""
            if before is not None and new.broken and not self._has_own(new) and self._has_own(before):
                self._rules, self._kept_because = before, USELESS.format(self._own, _first(new.broken))
            self._looked_at = found
        return self._rules

    def _has_own(self, rules: RuleSet) -> bool:
        """Whether the rules have files of the operator's."""
        shipped = os.path.realpath(SHIPPED_RULES)
        return any(not unit.file.path.is_relative_to(shipped) for unit in rules.units)


def _first(broken: Mapping[str, str]) -> str:
    name, reason = next(iter(broken.items()))
    return f"{name}: {reason[:LONGEST_PROBLEM]}"


def _set(rules: RuleSet, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        rules.scanner.set_global(name, value)


def _matches(rules: RuleSet, results: yara_x.ScanResults) -> list[Match]:
    """The matches with the highest scores, as many as a result holds. Of equal scores, the match found first comes first."""
    found = (
        Match(rule, file.name, meaning_of(rule.metadata))
        for rule in results.matching_rules
        if (file := rules.file_of(rule)) is not None
    )
    return sorted(found, key=lambda match: -match.meaning.score)[:MOST_RULES]


def _described(found: list[Match], path: Path) -> list[dict[str, JSON]]:
    if not found or not path.stat().st_size:
        return rule_matches.described(found, b"")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return rule_matches.described(found, content)
