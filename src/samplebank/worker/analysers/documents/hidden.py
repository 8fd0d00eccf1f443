"""What macros hide by disguise: texts that are put together, encoded or turned round, as the worker `strings` peels them."""

from samplebank.worker.analysers.documents import macro_words
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.strings.indicators import Indicators
from samplebank.worker.analysers.strings.layers import Peeling

#: bytes of source to peel, and layers to tell
MOST_PEELED, MOST_LAYERS = 512 * 1024, 20


def find_hidden(source: str, where: str, report: Report) -> None:
    """Peel the source of macros, and find what the layers do."""
    peeling = Peeling(Indicators())
    peeling.peel(source.encode("utf-8", "replace")[:MOST_PEELED])
    for layer in peeling.layers[:MOST_LAYERS]:
        text = layer.content.decode("utf-8", "replace")
        report.texts.append(text)
        if layer.is_text:
            report.layers.append((", ".join(layer.how), text))
        if layer.grave:
            report.find("macro-is-disguised", where, ", ".join(layer.grave))
            macro_words.find_calls(text, f"{where} (hidden)", report)
