"""Scans the source of macros by YARA rules: in the document the source is packed, so that no rule sees the source there."""

import yara_x

from samplebank.worker.analysers.documents.report import MIB, Report
from samplebank.worker.analysers.yara import YaraAnalyser

MOST_SCANNED = 4 * MIB


def scan(yara: YaraAnalyser, data: bytes, report: Report) -> None:
    """Note the rules that match macros or layers, and not the document: what matches the document is told by `yara`."""
    texts = [("macros", "\n".join(macro.source for macro in report.macros))]
    texts += [(f"peeled by {how}", text) for how, text in report.layers]
    if report.excel4 is not None:
        texts.append(("Excel 4 macros", "\n".join(formula for _, _, formula in report.excel4.cells)))
    try:
        matches = [
            (where, *match)
            for where, text in texts
            if text
            for match in yara.matches_in(text.encode("utf-8", "replace")[:MOST_SCANNED])
        ]
        of_document = {rule for rule, _ in yara.matches_in(data)} if matches else set()
    except (yara_x.ScanError, yara_x.TimeoutError) as error:
        report.limits.setdefault(f"The macros could not all be scanned: {error}.")
        return
    for where, rule, meaning in matches:
        if rule not in of_document:
            report.rules.setdefault(rule, (where, meaning))
