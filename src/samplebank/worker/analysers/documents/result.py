"""Makes one result of all that was found in a file: findings with their score, lists, indicators and evidence."""

import hashlib
from collections.abc import Mapping

from samplebank.worker.analysers.documents import macro_words
from samplebank.worker.analysers.documents.findings import KINDS, TECHNIQUES, Finding, assessment_of, score_of
from samplebank.worker.analysers.documents.report import MIB, Macro, Report, cut
from samplebank.worker.analysers.rule_matches import Meaning, score_by
from samplebank.worker.analysers.strings.indicators import Indicators
from samplebank.worker.analysers.strings.runs import whole_text
from samplebank.worker.contract import JSON, Detection, Evidence, Result, Tag

MOST_TEXT_OF_INDICATORS = 2 * MIB
MOST_SHOWN_NAMES = 100


def result_of(report: Report) -> Result:
    if report.encryption is not None and not report.encryption["isOpened"]:
        report.find("encrypted", "", str(report.encryption["method"]))
    findings = list(report.findings)
    techniques = _techniques(report)
    facts: dict[str, JSON] = {
        "format": report.format,
        "findings": [_finding(finding) for finding in findings],
        "attack": [
            {"technique": technique, "name": TECHNIQUES[technique], "finding": name}
            for technique, name in techniques.items()
        ],
        "children": [],
        "limits": list(report.limits),
        **report.lists,
        **report.facts,
        **_facts_of(report),
    }
    meanings = ((rule, meaning) for rule, (_, meaning) in report.rules.items())
    rules = dict(sorted(meanings, key=lambda one: -one[1].score))
    tags = dict.fromkeys(KINDS[finding.name].tag for finding in findings)
    strongest = sorted({finding.name for finding in findings}, key=lambda name: (-KINDS[name].weight, name))
    return Result(
        score=max(score_of(findings), score_by(rules.values())),
        result=facts,
        tags=[
            *(Tag("behaviour", tag) for tag in tags if tag),
            *(Tag("behaviour", f"attack.{technique.lower()}") for technique in techniques),
            *(Tag("yara", rule) for rule in rules),
            *(Tag("family", meaning.family) for meaning in rules.values() if meaning.family),
        ],
        detections=[
            *(Detection(rule, meaning.assessment) for rule, meaning in rules.items()),
            *(Detection(name, assessment_of(KINDS[name])) for name in strongest if KINDS[name].weight),
        ],
        evidence=_evidence(report),
        children=report.children,
    )


def _finding(finding: Finding) -> dict[str, JSON]:
    kind = KINDS[finding.name]
    return {
        "name": finding.name,
        "sentence": kind.sentence,
        "weight": kind.weight,
        "where": finding.where,
        "detail": finding.detail,
        "attack": list(dict.fromkeys((*kind.attack, *finding.attack))),
    }


def _techniques(report: Report) -> dict[str, str]:
    """The techniques, each with the first finding that shows the technique. What weighs nothing shows none."""
    found: dict[str, str] = {}
    for finding in report.findings:
        kind = KINDS[finding.name]
        if kind.weight or finding.name == "macros":
            for technique in (*kind.attack, *finding.attack):
                found.setdefault(technique, finding.name)
    return found


def _facts_of(report: Report) -> dict[str, JSON]:
    """The parts of the result that only some files have."""
    facts: dict[str, JSON] = {
        "encryption": report.encryption,
        "macros": [_told(macro) for macro in report.macros[:MOST_SHOWN_NAMES]],
        "metadata": report.metadata,
        "problems": list(report.problems),
        "rules": [_matched(rule, where, meaning) for rule, (where, meaning) in report.rules.items()][
            :MOST_SHOWN_NAMES
        ],
        "iocs": _indicators(report),
        "totals": {name: total for name, total in report.totals.items() if total > len(report.lists[name])},
    }
    if report.excel4 is not None:
        macros = report.excel4
        facts["excel4"] = {
            "sheets": [
                {"name": sheet.name, "visibility": sheet.visibility}
                for sheet in macros.sheets[:MOST_SHOWN_NAMES]
            ],
            "names": [
                {"name": cut(name), "refersTo": cut(formula)}
                for name, formula in list(macros.names.items())[:MOST_SHOWN_NAMES]
            ],
            "cells": [
                {"sheet": sheet, "cell": cell, "formula": cut(formula)}
                for sheet, cell, formula in macros.cells[:MOST_SHOWN_NAMES]
            ],
            "numberOfCells": macros.cell_count,
        }
    return {name: value for name, value in facts.items() if value}


def _matched(rule: str, where: str, meaning: Meaning) -> dict[str, JSON]:
    return {
        "rule": rule,
        "where": where,
        "score": meaning.score,
        "assessment": meaning.assessment,
        "description": meaning.description,
    }


def _told(macro: Macro) -> dict[str, JSON]:
    return {
        "name": cut(macro.name),
        "kind": macro.kind,
        "stream": cut(macro.stream),
        "lines": macro.source.count("\n") + 1,
        "size": len(macro.source),
        "sha256": hashlib.sha256(macro.source.encode("utf-8", "replace")).hexdigest(),
        "autostart": macro_words.autostarts(macro.source),
        "calls": macro_words.calls_of(macro.source),
    }


def _indicators(report: Report) -> dict[str, JSON]:
    texts = [*(macro.source for macro in report.macros), *report.texts]
    joined = "\n".join(texts)[:MOST_TEXT_OF_INDICATORS].encode("utf-8", "replace").replace(b"\0", b" ")
    runs = whole_text(joined)
    if runs is None:
        return {}
    indicators = Indicators()
    indicators.collect(runs, 0)
    listed: Mapping[str, list[dict[str, JSON]]] = indicators.facts()["iocs"]
    return {
        kind: [{"value": one["value"], "defanged": one["defanged"]} for one in found]
        for kind, found in listed.items()
    }


def _evidence(report: Report) -> list[Evidence]:
    evidence = []
    if report.macros:
        modules = [
            f"' ===== {macro.name} ({macro.kind}) in {macro.stream or 'the file'} =====\n{macro.source}\n"
            for macro in report.macros
        ]
        evidence.append(_text_file("macros.vba", "\n".join(modules)))
    if report.layers:
        layers = [f"' ===== peeled by {how} =====\n{text}\n" for how, text in report.layers]
        evidence.append(_text_file("macros-peeled.txt", "\n".join(layers)))
    if report.excel4 is not None and report.excel4.cells:
        lines = [f"{sheet}!{cell}\t{formula}" for sheet, cell, formula in report.excel4.cells]
        names = [f"{name}\t{formula}" for name, formula in report.excel4.names.items()]
        evidence.append(_text_file("excel4.txt", "\n".join([*names, *lines, ""])))
    return evidence


def _text_file(name: str, text: str) -> Evidence:
    return Evidence(
        file_name=name,
        data=text.encode("utf-8", "replace"),
        mime_type="text/plain",
        potentially_malicious=True,
    )
