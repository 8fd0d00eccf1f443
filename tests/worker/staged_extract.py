"""The worker `extract` under a name of the test's own, as tests share the service."""

from collections.abc import Mapping

from samplebank.worker.analysers.extract.analyser import ExtractAnalyser


class Opening(ExtractAnalyser):
    short_name = "opening"
    known_settings = frozenset({"suffix"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        type(self).short_name += settings.get("suffix", "")
