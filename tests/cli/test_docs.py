"""What the documents show works, and names what there is."""

import re
from pathlib import Path

import pytest

from cli.program import ROOT, Program, code_of_the_docs
from samplebank.settings import FIELDS, PREFIX
from samplebank.worker.contract import NO_FINDINGS, Analyser, SampleFile


def analyser_of_the_docs() -> Analyser:
    names: dict[str, type[Analyser]] = {}
    exec(compile(code_of_the_docs("urls.py"), "docs/workers.md", "exec"), names)  # noqa: S102 - the example is what is tested
    return names["Urls"]({})


@pytest.mark.parametrize(
    ("content", "addresses", "score"),
    [(b"see http://evil.example/x", ["http://evil.example/x"], 20), (b"nothing here", [], NO_FINDINGS)],
)
def test_the_analyser_of_the_docs_answers(
    tmp_path: Path, content: bytes, addresses: list[str], score: int
) -> None:
    path = tmp_path / "sample"
    path.write_bytes(content)

    result = analyser_of_the_docs().analyse(SampleFile(path=path, sha256="0" * 64, size=len(content)))

    assert (result.result, result.score) == ({"addresses": addresses}, score)


def test_every_setting_is_in_the_operations_page() -> None:
    documented = set(re.findall(r"SAMPLEBANK_[A-Z_]+", (ROOT / "docs/operations.md").read_text("utf-8")))

    assert {f"{PREFIX}{name.upper()}" for name in FIELDS} <= documented


@pytest.mark.parametrize("command", [["submit"], ["jobs"], ["worker", "run"]])
def test_every_option_of_the_operations_page_is_there(program: Program, command: list[str]) -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    row = re.search(rf"^\| `samplebank {' '.join(command)}.*$", page, re.MULTILINE)
    described = program.run(*command, "--help").out

    assert row is not None
    assert [option for option in re.findall(r"--[a-z-]+", row[0]) if option not in described] == []
