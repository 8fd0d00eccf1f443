"""Every worker gets the files made to harm any worker: each answers within limits, and lives on."""

import zipfile
from pathlib import Path

import pytest

from samplebank.worker.analysers.testing import sample_file, violations
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker import made_hostile as made
from worker.made_containers import zipped
from worker.made_quine import self_containing

HOSTILE = {
    "an archive that is its own entry": self_containing(),
    "entries that share their bytes": made.overlapping(1990, 900 * 1024),
    "names without an end": zipped({f"{number}{'long/' * 12_000}a.exe": b"MZ" for number in range(50)}),
    "names that lead out": zipped(dict.fromkeys(("../../a.exe", "/etc/a.exe", "C:\\a.exe", ".."), made.PROGRAM)),
    "an unknown method": made.broken_method(97),
    "a ring of folders": made.circular_compound(made.CHILD),
    "a ring of siblings": made.circular_compound(made.SIBLING),
    "a ring of sectors": made.circular_chain(),
    "a ring of objects": made.circular_pdf(),
    "mails in mails": made.mails_in_mails(3000),
    "parts in parts": made.parts_in_parts(3000),
    "zeros": zipped({"a.exe": bytes(40 * 1024 * 1024)}),
}  # fmt: skip


@pytest.fixture
def every_worker(
    static_analyser: SandboxedAnalyser,
    yara_analyser: SandboxedAnalyser,
    strings_analyser: SandboxedAnalyser,
    extract_analyser: SandboxedAnalyser,
    documents_analyser: SandboxedAnalyser,
) -> list[SandboxedAnalyser]:
    return [static_analyser, yara_analyser, strings_analyser, extract_analyser, documents_analyser]


@pytest.mark.parametrize("kind", HOSTILE)
async def test_every_worker_answers(every_worker: list[SandboxedAnalyser], tmp_path: Path, kind: str) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(HOSTILE[kind])

    for analyser in every_worker:
        finished = await analyser.analyse_aloud(sample_file(sample))
        assert not violations(finished.result, analyser.description.schema), analyser.description.short_name


def test_the_archive_is_its_own_entry(tmp_path: Path) -> None:
    (tmp_path / "self.zip").write_bytes(self_containing())

    with zipfile.ZipFile(tmp_path / "self.zip") as archive:
        assert archive.read("self.zip") == self_containing()
