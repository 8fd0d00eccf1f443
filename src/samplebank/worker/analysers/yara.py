"""Scans with YARA-X. Uses the rules that come with Samplebank, and the rules of a folder of the operator's.

The metadata of a rule say what a match means: score (0 to 100), assessment, family, description.
"""

from collections.abc import Iterable, Mapping
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import ClassVar, get_args

import msgspec
import yara_x

from samplebank.worker.analysers import rule_files
from samplebank.worker.analysers.rule_files import RuleFile
from samplebank.worker.contract import (
    JSON,
    NO_FINDINGS,
    Analyser,
    Assessment,
    Detection,
    Rejected,
    Result,
    SampleFile,
    Tag,
)

MIB = 1024 * 1024
SHIPPED_RULES = Path(__file__).parent / "yara_rules"
# The score of a rule without a score.
DEFAULT_SCORE = 50
DEFAULT_ASSESSMENT: Assessment = "unknown"
ASSESSMENTS: Mapping[str, Assessment] = {name: name for name in get_args(Assessment)}
BEST_SCORE = 100
MOST_OFFSETS, MOST_RULES = 5, 500
#: broken rule files that a result names, and characters of the reason for each file
MOST_BROKEN, LONGEST_REASON = 100, 1000
#: characters of the reason that a line of the log shows
LONGEST_PROBLEM = 300
SCAN_SECONDS = 50
NOTHING = bytes(4096)

SCHEMA: Mapping[str, JSON] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "YARA scan",
    "type": "object",
    "required": ["rules", "brokenRuleFiles"],
    "properties": {
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["rule", "file", "score", "assessment"],
                "properties": {
                    "rule": {"type": "string"},
                    "file": {"type": "string"},
                    "score": {"type": "integer", "minimum": 0, "maximum": 100},
                    "assessment": {"enum": list(get_args(Assessment))},
                    "family": {"type": ["string", "null"]},
                    "description": {"type": ["string", "null"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "patterns": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
        "brokenRuleFiles": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


class Meaning(msgspec.Struct, frozen=True):
    """The metadata of a rule, with defaults in place of missing and wrong values."""

    score: int
    assessment: Assessment
    family: str | None
    description: str | None


class RuleSet(msgspec.Struct, frozen=True):
    """The namespace of a rule is the index of its file in `files`. `broken` is as in `rule_files.Found`."""

    scanner: yara_x.Scanner
    size: int
    files: tuple[RuleFile, ...]
    broken: dict[str, str]


class YaraAnalyser(Analyser):
    """The setting `yara_rules` names a folder of rules. Changes in the folder are seen before the next scan."""

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
    known_settings = frozenset({"yara_rules"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        own = settings.get("yara_rules")
        if own and not Path(own).is_dir():
            raise NotADirectoryError(f"yara_rules names {own}, which is not a folder.")
        # Links are not resolved: the operator may point a link at another folder later.
        self._own = Path(own).absolute() if own else None
        self._looked_at: tuple[rule_files.Found, ...] = ()
        self._rules: RuleSet | None = None

    def folders(self) -> tuple[Path, ...]:
        return (SHIPPED_RULES,) if self._own is None else (SHIPPED_RULES, self._own)

    def prepare(self) -> None:
        self._current_rules()

    def problems(self) -> tuple[str, ...]:
        rules = self._rules or self._current_rules()
        told = [
            f"{name} in {self._own} is left out: {why[:LONGEST_PROBLEM]}"
            for name, why in islice(rules.broken.items(), MOST_BROKEN)
        ]
        more = len(rules.broken) - len(told)
        return (*told, f"{more} more in {self._own} are left out.") if more else tuple(told)

    def analyse(self, sample: SampleFile) -> Result:
        rules = self._rules or self._current_rules()
        try:
            matching = rules.scanner.scan_file(str(sample.path)).matching_rules
        except yara_x.TimeoutError:
            raise Rejected(f"The scan took longer than {SCAN_SECONDS} seconds.") from None
        except yara_x.ScanError as error:
            raise Rejected(f"The file cannot be scanned: {error}.") from None
        meanings = _worst_first((rule, meaning_of(dict(rule.metadata))) for rule in matching)
        return Result(
            score=max((meaning.score for _, meaning in meanings), default=NO_FINDINGS),
            result={
                "rules": [_described(rules, rule, meaning) for rule, meaning in meanings],
                "brokenRuleFiles": dict(islice(rules.broken.items(), MOST_BROKEN)),
            },
            tags=[
                *(Tag("yara", rule.identifier) for rule, _ in meanings),
                *(Tag("family", meaning.family) for _, meaning in meanings if meaning.family),
            ],
            detections=[Detection(rule.identifier, meaning.assessment) for rule, meaning in meanings],
            possible_detections=rules.size,
        )

    def matches_in(self, content: bytes) -> list[tuple[str, Meaning]]:
        """The names of the rules that match bytes of an analysis, with their meanings, highest scores first.

        Raises yara_x.ScanError, and its subclass yara_x.TimeoutError.
        """
        rules = self._rules or self._current_rules()
        matching = rules.scanner.scan(content).matching_rules
        found = _worst_first((rule, meaning_of(dict(rule.metadata))) for rule in matching)
        return [(rule.identifier, meaning) for rule, meaning in found]

    def _current_rules(self) -> RuleSet:
        found = tuple(rule_files.find(folder) for folder in self.folders())
        if self._rules is None or found != self._looked_at:
            self._rules = None  # where compiling fails, the old rules must not stay in force
            self._rules = _compiled(found)
            self._looked_at = found
        return self._rules


def _worst_first(found: Iterable[tuple[yara_x.Rule, Meaning]]) -> list[tuple[yara_x.Rule, Meaning]]:
    """The matches with the highest scores, as many as a result holds. Of equal scores, the match found first comes first."""
    return sorted(found, key=lambda one: -one[1].score)[:MOST_RULES]


def meaning_of(stated: Mapping[str, JSON]) -> Meaning:
    score, assessment = stated.get("score"), stated.get("assessment")
    family, description = stated.get("family"), stated.get("description")
    return Meaning(
        score=min(max(score, 0), BEST_SCORE) if type(score) is int else DEFAULT_SCORE,
        assessment=ASSESSMENTS.get(str(assessment), DEFAULT_ASSESSMENT),
        family=family if isinstance(family, str) and family else None,
        description=description if isinstance(description, str) else None,
    )


def _compiled(found: tuple[rule_files.Found, ...]) -> RuleSet:
    """Compile every file in a namespace of its own. A broken file is left out as a whole, and named."""
    files = tuple(file for folder in found for file in folder.files)
    broken = {name: reason for folder in found for name, reason in folder.broken.items()}
    compiler, refused = _compiler_of(files)
    if refused:  # The compiler holds the good rules of a broken file, so compile again without the file.
        files = tuple(file for file in files if file.path not in refused)
        broken |= {
            file.name: refused[file.path] for folder in found for file in folder.files if file.path in refused
        }
        compiler, _ = _compiler_of(files)
    rules = compiler.build()
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(SCAN_SECONDS)
    scanner.max_matches_per_pattern(1000)
    scanner.scan(
        NOTHING
    )  # The first scan makes what all scans need: here once, instead of in the process of each scan.
    return RuleSet(scanner, sum(1 for _ in rules), files, broken)


def _compiler_of(files: tuple[RuleFile, ...]) -> tuple[yara_x.Compiler, dict[Path, str]]:
    compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
    refused = {}
    for number, file in enumerate(files):
        compiler.new_namespace(str(number))
        try:
            compiler.add_source(rule_files.read(file), origin=file.name)
        except (yara_x.CompileError, ValueError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            refused[file.path] = " ".join(str(said).split())[:LONGEST_REASON]
    return compiler, refused


def _described(rules: RuleSet, rule: yara_x.Rule, meaning: Meaning) -> dict[str, JSON]:
    return {
        "rule": rule.identifier,
        "file": rules.files[int(rule.namespace)].name,
        **msgspec.structs.asdict(meaning),
        "tags": list(rule.tags),
        "patterns": [
            {
                "name": pattern.identifier,
                "count": len(pattern.matches),
                "offsets": [match.offset for match in pattern.matches[:MOST_OFFSETS]],
            }
            for pattern in rule.patterns
            if pattern.matches
        ],
    }
