"""Describes a file without running the file: structure, strings, and suspicious traits."""

from samplebank.worker.analysers.static.analyser import StaticAnalyser

__all__ = ["StaticAnalyser"]
