"""Scans the source of macros by YARA rules: in the document the source is packed, so that no rule sees the source there."""

from samplebank.worker.analysers.documents.report import MIB, Report
from samplebank.worker.analysers.layer_rules import LayerAnalyser, NotScanned
from samplebank.worker.contract import SampleFile

MOST_SCANNED = 4 * MIB


def scan(analyser: LayerAnalyser, data: bytes, sample: SampleFile, report: Report) -> None:
    """Note the rules that match macros or layers, and not the document."""
    texts = [("macros", "\n".join(macro.source for macro in report.macros))]
    texts += [(f"peeled by {how}", text) for how, text in report.layers]
    if report.excel4 is not None:
        texts.append(("Excel 4 macros", "\n".join(formula for _, _, formula in report.excel4.cells)))
    layers = [(where, text.encode("utf-8", "replace")[:MOST_SCANNED]) for where, text in texts if text]
    try:
        matches = analyser.matches(layers, data, sample, most=len(data))
    except NotScanned as error:
        report.limits.setdefault(f"The macros could not all be scanned: {error}.")
        return
    for where, match in matches:
        report.rules.setdefault(match.rule.identifier, (where, match.meaning))
