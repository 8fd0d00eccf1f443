"""The examples in the documents work, and every setting is documented."""

import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from magika import Magika

from cli.program import ROOT, code_of_the_docs
from samplebank.identification import file_types
from samplebank.identification.file_types import FileType
from samplebank.settings import FIELDS, PREFIX
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.contract import NO_FINDINGS, Analyser, SampleFile
from samplebank.worker.inside import Choice, made_analyser


def analyser_of_the_docs() -> Analyser:
    names: dict[str, type[Analyser]] = {}
    exec(compile(code_of_the_docs("urls.py"), "docs/workers.md", "exec"), names)  # noqa: S102 - the example is what is tested
    return names["Urls"]({})


@pytest.mark.parametrize(
    ("content", "addresses"),
    [(b"see http://evil.example/x", ["http://evil.example/x"]), (b"nothing here", [])],
)
def test_the_analyser_of_the_docs_informs_without_judging(
    tmp_path: Path, content: bytes, addresses: list[str]
) -> None:
    path = tmp_path / "sample"
    path.write_bytes(content)

    result = analyser_of_the_docs().analyse(SampleFile(path=path, sha256="0" * 64, size=len(content)))

    assert (result.result, result.score) == ({"addresses": addresses}, NO_FINDINGS)


@pytest.mark.parametrize("name", ["urls", "tails"])
def test_the_test_of_the_docs_passes(tmp_path: Path, name: str) -> None:
    for file in (f"{name}.py", f"test_{name}.py"):
        (tmp_path / file).write_text(code_of_the_docs(file))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{name}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_the_types_of_the_workers_page_are_those_that_are_given() -> None:
    page = (ROOT / "docs/workers.md").read_text("utf-8")
    own = {known.label: known.group for known in vars(file_types).values() if isinstance(known, FileType)}
    known = json.loads((resources.files("magika") / "config/content_types_kb.min.json").read_text("utf-8"))
    of_magika = {str(label): known[label]["group"] for label in Magika().get_output_content_types()}
    wrong = []

    for groups, types in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`\w+`[,;]? ?)+)\|$", page, re.MULTILINE):
        wrong += [name for name in words(types) if {**of_magika, **own}.get(name) not in words(groups)]

    assert wrong == []


def test_the_limits_of_the_workers_page_are_those_of_the_workers() -> None:
    page = (ROOT / "docs/workers.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+)` \|.* \| ([\d,]+) MiB, (\d+) s \|$", page, re.MULTILINE)

    made = {name: made_analyser(Choice(path, {})) for name, path in BUILT_IN.items()}

    assert {name: (int(memory.replace(",", "")), int(seconds)) for name, memory, seconds in told} == {
        name: (one.memory_bytes // 2**20, one.seconds) for name, one in made.items()
    }


def words(quoted: str) -> list[str]:
    return re.findall(r"`(\w+)`", quoted)


def test_every_setting_is_in_the_operations_page() -> None:
    documented = set(re.findall(r"SAMPLEBANK_[A-Z_]+", (ROOT / "docs/operations.md").read_text("utf-8")))

    assert {f"{PREFIX}{name.upper()}" for name in FIELDS} <= documented
