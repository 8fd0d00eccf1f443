"""The workers `extract` and `yara` under names of the test's own, as tests share the service."""

from collections.abc import Mapping

from samplebank.worker.analysers.extract.analyser import ExtractAnalyser
from samplebank.worker.analysers.yara import YaraAnalyser


class Opening(ExtractAnalyser):
    short_name = "opening"
    known_settings = frozenset({"suffix"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        type(self).short_name += settings.get("suffix", "")


class Ruling(YaraAnalyser):
    short_name = "ruling"
    known_settings = frozenset({"suffix"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        type(self).short_name += settings.get("suffix", "")
