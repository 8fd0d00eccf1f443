"""The analysers that come with Samplebank. The worker names analysers by import path, so that only children load them."""

from collections.abc import Mapping

BUILT_IN: Mapping[str, str] = {
    "static": "samplebank.worker.analysers.static:StaticAnalyser",
    "yara": "samplebank.worker.analysers.yara:YaraAnalyser",
    "strings": "samplebank.worker.analysers.strings:StringsAnalyser",
    "extract": "samplebank.worker.analysers.extract.analyser:ExtractAnalyser",
    "documents": "samplebank.worker.analysers.documents.analyser:DocumentsAnalyser",
}
