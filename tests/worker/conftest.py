from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from kit.relay import Relay, relaying
from kit.service import Service
from samplebank.identification import Identifier
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file, violations
from samplebank.worker.contract import Result, SampleFile
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker.working import Names

Analyse = Callable[[bytes], Awaitable[Result]]


class Extract(Protocol):
    """Analyses a file of this content, name and password, as the workers `extract` and `documents` do."""

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
async def documents_analyser() -> AsyncIterator[SandboxedAnalyser]:
    async with await SandboxedAnalyser.open(BUILT_IN["documents"]) as analyser:
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
    return _on_submission(extract_analyser, tmp_path / "sample")


@pytest.fixture
def documents(documents_analyser: SandboxedAnalyser, tmp_path: Path) -> Extract:
    return _on_submission(documents_analyser, tmp_path / "sample")


def _on_submission(analyser: SandboxedAnalyser, path: Path) -> Extract:
    async def analysed(
        content: bytes, file_name: str = "sample", password: str = "", **options: str
    ) -> Result:
        about: dict[str, Any] = {
            "fileName": file_name,
            "metaData": {"password": password} if password else {},
        }
        result = await analyser.analyse(_sample(path, content, about, options))
        assert violations(result, analyser.description.schema) == []
        return result

    return analysed


def _sample(path: Path, content: bytes, submission: dict[str, Any], options: dict[str, str]) -> SampleFile:
    path.write_bytes(content)
    return msgspec.structs.replace(sample_file(path, options), submission=submission)


def _on_content(analyser: SandboxedAnalyser, path: Path) -> Analyse:
    def analyse(content: bytes) -> Awaitable[Result]:
        path.write_bytes(content)
        return analyser.analyse(sample_file(path))

    return analyse
