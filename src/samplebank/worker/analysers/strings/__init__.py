"""Reads the strings of a file, the addresses in the strings, and the layers of scripts below their disguise."""

from samplebank.worker.analysers.strings.analyser import StringsAnalyser

__all__ = ["StringsAnalyser"]
