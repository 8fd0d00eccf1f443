from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from kit.relay import Relay, relaying
from kit.service import Service
from samplebank.identification import Identifier
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file, violations
from samplebank.worker.contract import Result
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker.working import Names

Analyse = Callable[[bytes], Awaitable[Result]]


class Extract(Protocol):
    """Opens a container of this content, name and password as the worker `extract` does."""

    async def __call__(
        self, content: bytes, file_name: str = "sample", password: str = "", **options: str
    ) -> Result: ...


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
async def extract_analyser() -> AsyncIterator[SandboxedAnalyser]:
    async with await SandboxedAnalyser.open(BUILT_IN["extract"]) as analyser:
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


@pytest.fixture
def extract(extract_analyser: SandboxedAnalyser, tmp_path: Path) -> Extract:
    async def extracted(
        content: bytes, file_name: str = "sample", password: str = "", **options: str
    ) -> Result:
        path = tmp_path / "sample"
        path.write_bytes(content)
        about = {"fileName": file_name, "metaData": {"password": password} if password else {}}
        sample = msgspec.structs.replace(sample_file(path, options), submission=about)
        result = await extract_analyser.analyse(sample)
        assert violations(result, extract_analyser.description.schema) == []
        return result

    return extracted


def _on_content(analyser: SandboxedAnalyser, path: Path) -> Analyse:
    def analyse(content: bytes) -> Awaitable[Result]:
        path.write_bytes(content)
        return analyser.analyse(sample_file(path))

    return analyse
