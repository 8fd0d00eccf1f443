"""Reads the strings and layers of a file, and makes one result of what stands in the strings and layers."""

import hashlib
import mmap
from collections.abc import Mapping, Sequence
from typing import ClassVar

from samplebank.worker.analysers.layer_rules import LayerAnalyser, NotScanned
from samplebank.worker.analysers.rule_matches import Match, Meaning, patterns_of, score_by, tags_of
from samplebank.worker.analysers.strings.indicators import Indicators
from samplebank.worker.analysers.strings.layers import Layer, Peeling
from samplebank.worker.analysers.strings.listing import Listing
from samplebank.worker.analysers.strings.runs import ASCII, WIDE, whole_text, windows
from samplebank.worker.analysers.strings.schema import SCHEMA
from samplebank.worker.analysers.strings.words import GRAVE, TECHNIQUES
from samplebank.worker.contract import (
    JSON,
    Detection,
    Evidence,
    Rejected,
    Result,
    SampleFile,
    Tag,
)

MIB = 1024 * 1024
#: bytes of a file that are read
MOST_READ = 256 * MIB
#: bytes of the strings of a program in which Base64 is looked for
MOST_SEARCHED = 4 * MIB
#: techniques of a layer that was decoded, and of a layer whose expressions were resolved
OF_ENCODING, OF_EXPRESSIONS = "T1027.013", "T1027.010"
ENCODINGS = frozenset({"base64", "hex", "numbers", "script encoder"})
MOST_RULES = 100

#: patterns of a rule that a result shows
MOST_PATTERNS = 5

Matches = list[tuple[Layer, Match]]


class StringsAnalyser(LayerAnalyser):
    short_name = "strings"
    version = "1.0"
    names: ClassVar[Mapping[str, str]] = {"english": "Strings and layers", "norwegian": "Strenger og lag"}
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Reads strings and addresses, peels the layers of scripts, and scans each layer by YARA rules.",
        "norwegian": "Leser strenger og adresser, skreller lag av skript og søker i hvert lag med YARA-regler.",
    }
    schema = SCHEMA
    memory_bytes = 2048 * MIB
    seconds = 60.0

    def analyse(self, sample: SampleFile) -> Result:
        if sample.size == 0:
            raise Rejected("The file is empty.")
        indicators, listing = Indicators(), Listing()
        peeling = Peeling(indicators)
        with sample.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            is_text = _read(content, indicators, listing, peeling)
            matches = self._matches(peeling, content, sample)
        return _result(peeling, indicators, listing, matches, is_text=is_text)

    def _matches(self, peeling: Peeling, content: mmap.mmap, sample: SampleFile) -> Matches:
        layers = [(layer, layer.content) for layer in peeling.layers]
        try:
            return self.matches(layers, content, sample, most=MOST_READ)
        except NotScanned as error:
            peeling.limits.setdefault(f"The layers could not all be scanned: {error}.")
            return []


def _read(content: mmap.mmap, indicators: Indicators, listing: Listing, peeling: Peeling) -> bool:
    """Read the strings and layers. Return whether the file is a text."""
    if len(content) > MOST_READ:
        peeling.limits.setdefault(f"Only the first {MOST_READ // MIB} MiB are read.")
    read = content[:MOST_READ]
    if (runs := whole_text(read)) is not None:
        indicators.collect(runs, 0)
        peeling.peel(runs.text)
        return True
    searched: list[bytes] = []
    for runs in windows(read):
        listing.add(runs)
        indicators.collect(runs, 0)
        searched.append(runs.text[: max(0, MOST_SEARCHED - sum(map(len, searched)))])
    peeling.peel(b"".join(searched), only_encoded=True)
    return False


def _result(
    peeling: Peeling, indicators: Indicators, listing: Listing, matches: Matches, *, is_text: bool
) -> Result:
    techniques = _techniques(peeling.layers)
    by_score = sorted(matches, key=lambda one: one[1].meaning.score)
    best = {match.rule.identifier: match.meaning for _, match in by_score}
    strongest = sorted(best.items(), key=lambda one: -one[1].score)
    strings = {
        "ascii": listing.counts[ASCII],
        "wide": listing.counts[WIDE],
        "isText": is_text,
        "file": "strings.txt" if not is_text else None,
        "isCut": listing.is_cut,
    }
    return Result(
        score=score_by(best.values()),
        result={
            "layers": [_described(layer, matches) for layer in peeling.layers],
            "rules": [_matched(*match) for match in matches[:MOST_RULES]],
            "attack": [
                {"technique": technique, "name": TECHNIQUES[technique], "layer": layer.number}
                for technique, layer in techniques.items()
            ],
            **indicators.facts(),
            "strings": strings,
            "limits": list(peeling.limits),
        },
        tags=_tags(techniques, strongest),
        detections=[Detection(rule, meaning.assessment) for rule, meaning in strongest],
        evidence=_evidence(peeling.layers, listing, is_text=is_text),
    )


def _techniques(layers: list[Layer]) -> dict[str, Layer]:
    """The techniques by number, each with the first layer that shows the technique. Only layers with grave words count."""
    found: dict[str, Layer] = {}
    for layer in layers:
        if layer.grave:
            is_encoded = not ENCODINGS.isdisjoint(layer.how)
            found.setdefault("T1027", layer)
            found.setdefault(OF_ENCODING if is_encoded else OF_EXPRESSIONS, layer)
            for technique in (one for word in layer.grave for one in GRAVE[word.encode()]):
                found.setdefault(technique, layer)
    return found


def _tags(techniques: Mapping[str, Layer], strongest: Sequence[tuple[str, Meaning]]) -> list[Tag]:
    return [
        *([Tag("behaviour", "obfuscated")] if techniques else []),
        *(Tag("behaviour", f"attack.{technique.lower()}") for technique in techniques),
        *tags_of(strongest),
    ]


def _evidence(layers: list[Layer], listing: Listing, *, is_text: bool) -> list[Evidence]:
    strings = (
        [] if is_text else [Evidence(file_name="strings.txt", data=listing.content, mime_type="text/plain")]
    )
    return strings + [
        Evidence(
            file_name=layer.file_name,
            data=layer.content,
            mime_type="text/plain" if layer.is_text else "application/octet-stream",
            potentially_malicious=True,
        )
        for layer in layers
    ]


def _described(layer: Layer, matches: Matches) -> dict[str, JSON]:
    return {
        "number": layer.number,
        "how": list(layer.how),
        "parent": layer.parent,
        "where": layer.where,
        "depth": layer.depth,
        "size": len(layer.content),
        "words": [*layer.grave, *layer.slight],
        "rules": [match.rule.identifier for one, match in matches if one is layer][:MOST_RULES],
        "file": layer.file_name,
        "sha256": hashlib.sha256(layer.content).hexdigest(),
    }


def _matched(layer: Layer, match: Match) -> dict[str, JSON]:
    return {
        "rule": match.rule.identifier,
        "layer": layer.number,
        "score": match.meaning.score,
        "assessment": match.meaning.assessment,
        "description": match.meaning.description,
        "patterns": patterns_of(match, layer.content, MOST_PATTERNS),
    }
