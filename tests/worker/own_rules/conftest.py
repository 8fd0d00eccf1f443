"""An analyser with a folder of own rules, empty at the beginning of each test, and a sample with a needle."""

import logging
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.sandboxed import SandboxedAnalyser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of rules of all tests, one after the other."""
    folder = tmp_path_factory.mktemp("own") / "rules"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
async def own_analyser(folder: Path) -> AsyncIterator[SandboxedAnalyser]:
    opened = await SandboxedAnalyser.open(BUILT_IN["yara"], settings={"yara_rules": str(folder)})
    async with opened as analyser:
        yield analyser


@pytest.fixture
def rules(folder: Path) -> Path:
    """The folder of rules without anything, and nothing beside the folder."""
    shutil.rmtree(folder.parent)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the worker logs is heard, whatever tests before have done to the loggers of the process."""
    monkeypatch.setattr(logging.getLogger("samplebank.worker"), "disabled", False)
    caplog.set_level(logging.WARNING, "samplebank.worker")


@pytest.fixture
async def own_rules(own_analyser: SandboxedAnalyser, rules: Path) -> SandboxedAnalyser:  # noqa: ARG001 -- comes first
    """An analyser that has seen the empty folder."""
    await own_analyser.check()
    return own_analyser


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample"
    path.write_bytes(b"a needle in a haystack of caf\xe9s")
    return path
