"""The digest of a Windows program without the signature equals the digest by LIEF, and by whoever signs."""

import hashlib
from pathlib import Path

import lief
import pytest

from samplebank.worker.analysers.static.pe_authentihash import authentihash
from worker import made_files

LAUNCHER = made_files.launcher()
KINDS = {
    "a program": LAUNCHER,
    "with an overlay": LAUNCHER + bytes(64),
    "with an overlay of an odd length": LAUNCHER + b"odd",
    "cut off": LAUNCHER[:-512],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_digest_is_that_of_lief(tmp_path: Path, kind: str) -> None:
    program = tmp_path / "program"
    program.write_bytes(KINDS[kind])
    binary = lief.PE.parse(str(program))
    assert binary is not None

    assert authentihash(program, binary) == bytes(binary.authentihash_sha256)


def test_the_check_sum_is_not_signed(tmp_path: Path) -> None:
    changed = bytearray(LAUNCHER)
    headers = int.from_bytes(changed[0x3C:0x40], "little")
    changed[headers + 88 : headers + 92] = b"\xff\xff\xff\xff"
    digests = []
    for name, content in (("one", LAUNCHER), ("other", bytes(changed))):
        (tmp_path / name).write_bytes(content)
        binary = lief.PE.parse(str(tmp_path / name))
        assert binary is not None
        digests.append(authentihash(tmp_path / name, binary))

    assert digests[0] == digests[1]
    assert hashlib.sha256(LAUNCHER).digest() != digests[0]
