"""The trial takes the files that its list names, and no others, and says no more than its figures allow."""

from pathlib import Path

import pytest
from trial import fetching
from trial.fetching import Unfetched, fetch
from trial.files import files_of, kind_of
from trial.labelled import EXPECTATIONS
from trial.mutating import mutated
from trial.packages import Package, Registry, listed
from trial.tables import bound

PACKAGE = Package(registry=Registry.NPM, name="tidy", version="1.0.0", sha256="00" * 32)


def test_each_package_of_the_list_is_named_once_with_its_digest() -> None:
    packages = listed()

    assert len({one.sha256 for one in packages}) == len(packages)
    assert all(len(bytes.fromhex(one.sha256)) == 32 for one in packages)


def test_each_labelled_set_has_an_expectation() -> None:
    assert {one.labels for one in listed()} - {None} == {one.labels for one in EXPECTATIONS}


def test_another_file_under_the_name_of_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ["sh", "-c", "echo other > tidy-1.0.0.tgz"]
    monkeypatch.setitem(fetching.COMMANDS, Registry.NPM, lambda _: other)

    with pytest.raises(Unfetched, match="digest"):
        fetch(PACKAGE, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_package_that_does_not_come_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = ["sh", "-c", "echo no such version >&2; exit 1"]
    monkeypatch.setitem(fetching.COMMANDS, Registry.NPM, lambda _: failing)

    with pytest.raises(Unfetched, match=r"npm tidy 1\.0\.0 did not come: no such version"):
        fetch(PACKAGE, tmp_path)


def test_equal_files_count_once_and_empty_files_not_at_all(tmp_path: Path) -> None:
    for name, text in (("a.js", "1"), ("b.js", "1"), ("c.js", "2"), ("d.js", "")):
        (tmp_path / name).write_text(text)

    assert [one.place for one in files_of(PACKAGE, tmp_path, set())] == ["a.js", "c.js"]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("setup", b"MZ\x90", "PE"),
        ("tool", b"#!/bin/sh", "scripts"),
        ("x.HTML", b"<p>", "markup"),
        ("x", b"", "other"),
    ],
)
def test_the_first_bytes_and_the_end_of_the_name_tell_the_kind(name: str, data: bytes, kind: str) -> None:
    assert kind_of(Path(name), data) == kind


@pytest.mark.parametrize(
    ("found", "number", "percent"), [(0, 10_000, 0.030), (4, 11_129, 0.082), (3, 3, 100.0)]
)
def test_the_bound_is_that_of_clopper_and_pearson(found: int, number: int, percent: float) -> None:
    assert 100 * bound(found, number) == pytest.approx(percent, abs=0.001)


def test_a_copy_with_changed_bytes_is_the_same_in_each_trial() -> None:
    content = bytes(range(256)) * 8

    copies = [mutated(content, seed) for seed in range(50)]

    assert copies == [mutated(content, seed) for seed in range(50)]
    assert content not in copies
