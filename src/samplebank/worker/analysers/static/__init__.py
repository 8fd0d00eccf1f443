"""What can be said of a file without running it: structure, strings, and traits that make it suspicious."""

from samplebank.worker.analysers.static.analyser import StaticAnalyser

__all__ = ["StaticAnalyser"]
