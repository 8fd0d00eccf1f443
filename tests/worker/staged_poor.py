"""The worker `extract` on a machine without the packages of the extra."""

import sys
from collections.abc import Mapping
from typing import Any

HIDDEN: dict[str, Any] = dict.fromkeys(("pybit7z", "pikepdf", "olefile"))
sys.modules.update(HIDDEN)  # an import fails then

from samplebank.worker.analysers.extract.analyser import ExtractAnalyser  # noqa: E402 the packages are hidden first


class Poor(ExtractAnalyser):
    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        assert len(self.problems()) == 1
