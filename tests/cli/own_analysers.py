"""The built-in analysers under names of their own, so that they get only the tasks of tests that ask for them."""

from samplebank.worker.analysers.static import StaticAnalyser
from samplebank.worker.analysers.yara import YaraAnalyser


class OwnStatic(StaticAnalyser):
    short_name = "own-static"


class OwnYara(YaraAnalyser):
    short_name = "own-yara"
