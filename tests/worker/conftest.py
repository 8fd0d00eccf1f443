from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kit.relay import Relay, relaying
from kit.service import Service
from samplebank.identification import Identifier
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import Result
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker.working import Names

Analyse = Callable[[bytes], Awaitable[Result]]


@pytest.fixture(scope="session")
async def static_analyser() -> AsyncIterator[SandboxedAnalyser]:
    async with await SandboxedAnalyser.open(BUILT_IN["static"]) as analyser:
        yield analyser


@pytest.fixture(scope="session")
async def yara_analyser() -> AsyncIterator[SandboxedAnalyser]:
    async with await SandboxedAnalyser.open(BUILT_IN["yara"]) as analyser:
        yield analyser


@pytest.fixture(scope="session")
async def strings_analyser() -> AsyncIterator[SandboxedAnalyser]:
    async with await SandboxedAnalyser.open(BUILT_IN["strings"]) as analyser:
        yield analyser


@pytest.fixture(scope="session")
async def identifier() -> AsyncIterator[Identifier]:
    async with Identifier() as identifier:
        yield identifier


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    with relaying(service.port) as relay:
        yield relay


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def static(static_analyser: SandboxedAnalyser, tmp_path: Path) -> Analyse:
    return _on_content(static_analyser, tmp_path / "sample")


@pytest.fixture
def yara(yara_analyser: SandboxedAnalyser, tmp_path: Path) -> Analyse:
    return _on_content(yara_analyser, tmp_path / "sample")


@pytest.fixture
def strings(strings_analyser: SandboxedAnalyser, tmp_path: Path) -> Analyse:
    return _on_content(strings_analyser, tmp_path / "sample")


def _on_content(analyser: SandboxedAnalyser, path: Path) -> Analyse:
    def analyse(content: bytes) -> Awaitable[Result]:
        path.write_bytes(content)
        return analyser.analyse(sample_file(path))

    return analyse
