"""Analysers whose first analysis makes what all analyses need: loaded libraries, compiled patterns."""

import inspect
from collections.abc import Mapping
from pathlib import Path

from samplebank.worker.contract import Analyser, SampleFile


class WarmedAnalyser(Analyser):
    """Analyses the source of its own class once, in the process that the processes of the analyses are copied from."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._is_warm = False

    def prepare(self) -> None:
        if not self._is_warm:
            self.load()
            own = Path(inspect.getfile(type(self)))
            self.analyse(SampleFile(path=own, sha256="", size=own.stat().st_size))
            self._is_warm = True

    def load(self) -> None:
        """Load what the analysis of a source does not load."""
