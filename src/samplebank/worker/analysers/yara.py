"""Scans with YARA-X: the rules that come with Samplebank, and those of a folder of the operator's.

A rule says what it means in its metadata: score (0 to 100), assessment, family, description.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import ClassVar, get_args

import msgspec
import yara_x

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
SHIPPED_RULES = Path(__file__).parent.parent / "rules"
RULE_SUFFIXES = frozenset({".yar", ".yara"})
# Of a rule that does not say how bad it is.
DEFAULT_SCORE = 50
DEFAULT_ASSESSMENT: Assessment = "unknown"
ASSESSMENTS: Mapping[str, Assessment] = {name: name for name in get_args(Assessment)}
BEST_SCORE = 100
MOST_OFFSETS, MOST_RULES = 5, 500
SCAN_SECONDS = 50

Fingerprint = tuple[tuple[Path, int, int], ...]

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
    """What the metadata of a rule says, where it says it well."""

    score: int
    assessment: Assessment
    family: str | None
    description: str | None


class RuleSet(msgspec.Struct, frozen=True):
    scanner: yara_x.Scanner
    size: int
    broken: dict[str, str]


class YaraAnalyser(Analyser):
    """The setting `yara_rules` names a folder; changes in it are seen before the next scan."""

    short_name = "yara"
    version = f"1.0 (yara-x {metadata.version('yara-x')})"
    names: ClassVar[Mapping[str, str]] = {"english": "YARA", "norwegian": "YARA"}
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Scans with YARA rules: known families, packers, droppers and tell-tale behaviour.",
        "norwegian": "Søker med YARA-regler: kjente familier, pakkere, droppere og avslørende oppførsel.",
    }
    schema = SCHEMA
    # Samples are mapped into memory as a whole, so this bounds their size.
    memory_bytes = 4096 * MIB
    seconds = 60.0

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        own = settings.get("yara_rules")
        if own and not Path(own).is_dir():
            raise NotADirectoryError(f"yara_rules names {own}, which is not a folder.")
        self._folders = (SHIPPED_RULES, Path(own).resolve()) if own else (SHIPPED_RULES,)
        self._compiled_from: Fingerprint = ()
        self._rules: RuleSet | None = None

    def folders(self) -> tuple[Path, ...]:
        return self._folders

    def analyse(self, sample: SampleFile) -> Result:
        rules = self._current_rules()
        try:
            matching = rules.scanner.scan_file(str(sample.path)).matching_rules
        except yara_x.TimeoutError:
            raise Rejected(f"The scan took longer than {SCAN_SECONDS} seconds.") from None
        except yara_x.ScanError as error:
            raise Rejected(f"The file cannot be scanned: {error}.") from None
        meanings = [(rule, meaning_of(dict(rule.metadata))) for rule in matching[:MOST_RULES]]
        return Result(
            score=max((meaning.score for _, meaning in meanings), default=NO_FINDINGS),
            result={
                "rules": [_described(rule, meaning) for rule, meaning in meanings],
                "brokenRuleFiles": rules.broken,
            },
            tags=[
                *(Tag("yara", rule.identifier) for rule, _ in meanings),
                *(Tag("family", meaning.family) for _, meaning in meanings if meaning.family),
            ],
            detections=[Detection(rule.identifier, meaning.assessment) for rule, meaning in meanings],
            possible_detections=rules.size,
        )

    def _current_rules(self) -> RuleSet:
        fingerprint = _fingerprint(self.folders())
        if self._rules is None or fingerprint != self._compiled_from:
            self._rules = _compiled([path for path, _, _ in fingerprint])
            self._compiled_from = fingerprint
        return self._rules


def meaning_of(stated: Mapping[str, JSON]) -> Meaning:
    score, assessment = stated.get("score"), stated.get("assessment")
    family, description = stated.get("family"), stated.get("description")
    return Meaning(
        score=min(max(score, 0), BEST_SCORE) if isinstance(score, int) else DEFAULT_SCORE,
        assessment=ASSESSMENTS.get(str(assessment), DEFAULT_ASSESSMENT),
        family=family if isinstance(family, str) and family else None,
        description=description if isinstance(description, str) else None,
    )


def _fingerprint(folders: tuple[Path, ...]) -> Fingerprint:
    found = []
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        with suppress(FileNotFoundError):  # removed while we look
            if path.suffix in RULE_SUFFIXES:
                found.append((path, path.stat().st_mtime_ns, path.stat().st_size))
    return tuple(found)


def _compiled(files: list[Path]) -> RuleSet:
    """Compile every file in a namespace of its own; one that is broken is left out and named in each result."""
    compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
    broken: dict[str, str] = {}
    for file in files:
        compiler.new_namespace(str(file))
        try:
            compiler.add_source(file.read_text(encoding="utf-8"), origin=file.name)
        except (yara_x.CompileError, UnicodeDecodeError) as error:
            broken[file.name] = str(error)
    rules = compiler.build()
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(SCAN_SECONDS)
    scanner.max_matches_per_pattern(1000)
    return RuleSet(scanner, sum(1 for _ in rules), broken)


def _described(rule: yara_x.Rule, meaning: Meaning) -> dict[str, JSON]:
    return {
        "rule": rule.identifier,
        "file": Path(rule.namespace).name,
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
