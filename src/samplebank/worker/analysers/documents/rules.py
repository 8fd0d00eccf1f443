"""Scans the source of macros by YARA rules: in the document the source is packed, so that no rule sees the source there."""

import yara_x

from samplebank.worker.analysers.documents.report import MIB, Report
from samplebank.worker.analysers.rule_variables import variables_of, variables_of_layer
from samplebank.worker.analysers.yara import YaraAnalyser
from samplebank.worker.contract import SampleFile

MOST_SCANNED = 4 * MIB


def scan(yara: YaraAnalyser, data: bytes, sample: SampleFile, report: Report) -> None:
    """Note the rules that match macros or layers, and not the document: what matches the document is told by `yara`."""
    texts = [("macros", "\n".join(macro.source for macro in report.macros))]
    texts += [(f"peeled by {how}", text) for how, text in report.layers]
    if report.excel4 is not None:
        texts.append(("Excel 4 macros", "\n".join(formula for _, _, formula in report.excel4.cells)))
    layers = [(where, text.encode("utf-8", "replace")[:MOST_SCANNED]) for where, text in texts if text]
    try:
        matches = [
            (where, match)
            for where, layer in layers
            for match in yara.matches_in(layer, variables_of_layer(sample, layer))
        ]
        found = yara.matches_in(data, variables_of(sample)) if matches else []
    except (yara_x.ScanError, yara_x.TimeoutError) as error:
        report.limits.setdefault(f"The macros could not all be scanned: {error}.")
        return
    of_document = {match.rule.identifier for match in found}
    for where, match in matches:
        if match.rule.identifier not in of_document:
            report.rules.setdefault(match.rule.identifier, (where, match.meaning))
