"""`python -m samplebank.cli` is the `samplebank` program."""

from samplebank.cli.main import run

run()
