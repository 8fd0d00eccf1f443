"""The built-in analysers under separate names, so that an analyser gets tasks only from tests that ask for the analyser."""

from samplebank.worker.analysers.static import StaticAnalyser
from samplebank.worker.analysers.yara import YaraAnalyser


class OwnStatic(StaticAnalyser):
    short_name = "own-static"


class OwnYara(YaraAnalyser):
    short_name = "own-yara"
