"""Analysers that scan layers by YARA rules. A layer is what an analysis made of a sample: macros, decoded scripts."""

import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import yara_x

from samplebank.worker.analysers.rule_matches import Match
from samplebank.worker.analysers.rule_variables import variables_of, variables_of_layer
from samplebank.worker.analysers.warming import WarmedAnalyser
from samplebank.worker.analysers.yara import YaraAnalyser
from samplebank.worker.contract import SampleFile

T = TypeVar("T")


class NotScanned(Exception):
    """The rules could not scan all layers; the message is the reason."""


class LayerAnalyser(WarmedAnalyser):
    """The setting `yara_rules` names a folder of rules that layers are scanned by, as the files are by `yara`."""

    known_settings = YaraAnalyser.known_settings
    renews_folders = YaraAnalyser.renews_folders

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._yara = YaraAnalyser(settings)

    def folders(self) -> tuple[Path, ...]:
        return self._yara.folders()

    def prepare(self) -> None:
        self._yara.prepare()
        super().prepare()

    def matches(
        self, layers: Iterable[tuple[T, bytes]], whole: bytes | mmap.mmap, sample: SampleFile, *, most: int
    ) -> list[tuple[T, Match]]:
        """The rules that match a layer and not the sample: what matches the sample is told by `yara`.

        A layer has a name of any type, and its content. Of the sample, `most` bytes are scanned. Raises `NotScanned`.
        """
        try:
            found = [
                (layer, match)
                for layer, content in layers
                for match in self._yara.matches_in(content, variables_of_layer(sample, content))
            ]
            of_sample = self._yara.matches_in(whole[:most], variables_of(sample)) if found else []
        except (yara_x.ScanError, yara_x.TimeoutError) as error:
            raise NotScanned(str(error)) from None
        told_elsewhere = {match.rule.identifier for match in of_sample}
        return [(layer, match) for layer, match in found if match.rule.identifier not in told_elsewhere]
