"""`samplebank get`: saves samples, safely unless told otherwise."""

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest
import pyzipper

from cli.program import Program
from kit.bank import Bank, Sample
from kit.disks import no_room


def test_an_archive_with_a_password_is_saved(local: Program, bank: Bank, tmp_path: Path) -> None:
    sample = bank.submitted()

    ended = local.run("get", sample.sha256, "--out", tmp_path)

    saved = tmp_path / f"{sample.sha256}.zip"
    assert (ended.status, ended.out.splitlines()) == (0, [str(saved)])
    with pyzipper.AESZipFile(saved) as archive:
        archive.setpassword(b"infected")
        assert archive.read(sample.sha256) == sample.data


def test_raw_bytes_come_with_a_warning_and_no_right_to_run(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    sample = bank.submitted()

    ended = local.run("get", "--raw", sample.sha256, "--out", tmp_path / "new")

    saved = tmp_path / "new" / sample.sha256
    assert saved.read_bytes() == sample.data
    assert saved.stat().st_mode & 0o777 == 0o600
    assert "may be malware" in ended.complaints[0]


def test_a_sample_without_room_on_the_disk_is_named_and_leaves_nothing(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    samples = [bank.submitted(), bank.submitted()]

    with no_room():
        ended = local.run("get", *[sample.sha256 for sample in samples], "--out", tmp_path)

    assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 2)
    for sample, told in zip(samples, ended.complaints, strict=True):
        assert f"{sample.sha256}.zip cannot be written: " in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SAMPLEBANK_KEY": "wrong"}, "valid key"),
        ({"SAMPLEBANK_URL": "http://127.0.0.1:9", "SAMPLEBANK_KEY": "k"}, "cannot be reached"),
    ],
)
def test_what_keeps_every_sample_from_being_saved_is_told_once(
    local: Program, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    ended = local.run("get", "0" * 64, "1" * 64, "--json", "--out", tmp_path, **settings)

    assert (ended.status, json.loads(ended.out), len(ended.complaints)) == (1, {"files": []}, 1)
    assert said in ended.complaints[0]


def test_what_is_there_is_never_replaced_untold(local: Program, bank: Bank, tmp_path: Path) -> None:
    sample = bank.submitted()
    there = tmp_path / f"{sample.sha256}.zip"
    there.write_bytes(b"mine")

    refused = local.run("get", sample.sha256, "--out", tmp_path)
    kept = there.read_bytes()
    told = local.run("get", sample.sha256, "--out", tmp_path, "--overwrite")

    assert (refused.status, kept) == (1, b"mine")
    assert "--overwrite" in refused.complaints[0]
    assert (told.status, there.read_bytes() != b"mine") == (0, True)


def test_one_sample_that_is_missing_does_not_keep_the_others(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    sample, missing = bank.submitted(), Sample()

    ended = local.run("get", "--json", missing.sha256, sample.sha256, "--out", tmp_path)

    assert ended.status == 1
    assert missing.sha256 in ended.complaints[0]
    assert [one["sha256"] for one in json.loads(ended.out)["files"]] == [sample.sha256]
    assert [path.name for path in tmp_path.iterdir()] == [f"{sample.sha256}.zip"]


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Have the next command read this from the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_what_is_no_hash_does_not_keep_the_others(local: Program, bank: Bank, tmp_path: Path) -> None:
    sample = bank.submitted()

    ended = local.run("get", "invoice.exe", sample.sha256, "--out", tmp_path)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert "'invoice.exe' is no SHA256" in ended.complaints[0]
    assert [path.name for path in tmp_path.iterdir()] == [f"{sample.sha256}.zip"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_may_come_from_a_shell_of_windows(
    local: Program, bank: Bank, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    sample = bank.submitted()
    given(monkeypatch, f"{sample.sha256}\r\n".encode(encoding))

    assert local.run("search", "-", "--hashes").out == f"{sample.sha256}\n"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf\r\n"])
def test_an_empty_list_of_hashes_does_not_find_everything(
    local: Program, bank: Bank, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    bank.submitted()
    given(monkeypatch, content)

    ended = local.run("search", "-", "--hashes")

    assert (ended.status, ended.out) == (1, "")
    assert ended.complaints[0].startswith("samplebank: The standard input is empty.")


@pytest.mark.parametrize("command", ["search", "get"])
def test_input_that_is_no_text_is_told_in_one_line(
    local: Program, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    given(monkeypatch, b"\xe9\x80")

    ended = local.run(command, "-")

    assert (ended.status, ended.complaints) == (1, ["samplebank: The standard input is no text in UTF-8."])


def test_hashes_are_read_from_standard_input(
    local: Program, bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [bank.submitted() for _ in range(2)]
    given(monkeypatch, "\n".join(sample.sha256 for sample in samples).encode())

    local.run("get", "-", "--out", tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {f"{sample.sha256}.zip" for sample in samples}


def test_bytes_that_do_not_match_their_hash_are_not_kept(
    local: Program, bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = bank.submitted()
    monkeypatch.setattr(hashlib, "sha256", hashlib.sha512)

    ended = local.run("get", "--raw", sample.sha256, "--out", tmp_path)

    assert (ended.status, list(tmp_path.iterdir())) == (1, [])
