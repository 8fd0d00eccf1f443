"""Programs that bring their scripts along: the worker `extract` gives the scripts, and passes over what belongs to the maker of such programs."""

import base64
import struct

import pytest

from samplebank.worker.contract import Result, Tag
from worker.conftest import Extract
from worker.made_containers import tarred
from worker.made_frozen import HEADER, asar, modules, pyinstaller

STUB = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(600)
LIBRARY = STUB + b"library"
CODE = b"\xe3" + b"\0" * 40 + b"http://203.0.113.7/stage"
ENTRIES = {
    ("pyiboot01_bootstrap", "s"): b"\xe3 of the builder",
    ("dropper", "s"): CODE,
    ("PYZ.pyz", "z"): modules({"json.decoder": CODE + b"1", "stealer.wallets": CODE + b"2"}),
    ("lib\\x.dll", "b"): LIBRARY,
    ("base_library.zip", "x"): b"PK\3\4",
    ("payload.exe", "x"): STUB + b"payload",
}


def contents(result: Result) -> dict[str, bytes]:
    return {child.name: child.data for child in result.children}


@pytest.mark.parametrize("end_bytes", [88, 24], ids=["new", "old"])
async def test_a_program_of_pyinstaller_gives_its_own_scripts_and_files(
    extract: Extract, end_bytes: int
) -> None:
    result = await extract(pyinstaller(ENTRIES, program=STUB, end_bytes=end_bytes))

    assert contents(result) == {
        "dropper.pyc": HEADER + CODE,
        "modules/stealer/wallets.pyc": HEADER + CODE + b"2",
        "lib/x.dll": LIBRARY,
        "payload.exe": STUB + b"payload",
    }
    assert result.result["opened"] == ["pyinstaller"]
    assert result.tags == [Tag("behaviour", "pyinstaller")]
    assert {entry["path"] for entry in result.result["listing"]} == {
        "pyiboot01_bootstrap.pyc",
        "base_library.zip",
    }


async def test_a_program_of_pyinstaller_that_is_signed_gives_its_scripts(extract: Extract) -> None:
    result = await extract(pyinstaller(ENTRIES, program=STUB) + bytes(4000))

    assert contents(result)["dropper.pyc"] == HEADER + CODE


async def test_a_program_of_pyinstaller_whose_table_is_lost_is_told(extract: Extract) -> None:
    made = pyinstaller(ENTRIES, program=STUB)

    result = await extract(made[: len(STUB) + 20] + made[-88:])

    assert result.result["problems"] == ["pyinstaller: the table of the files cannot be read."]


async def test_modules_whose_table_asks_for_much_memory_cost_only_themselves(extract: Extract) -> None:
    archive = b"PYZ\0\xa7\r\r\n" + struct.pack(">I", 12) + b"[" + struct.pack("<I", 0x7FFFFFFF)
    made = pyinstaller({("PYZ.pyz", "z"): archive, ("dropper", "s"): CODE}, program=STUB)

    result = await extract(made)

    assert list(contents(result)) == ["dropper.pyc"]
    assert result.result["problems"][0].startswith("modules: ")


async def test_an_archive_of_electron_gives_its_scripts(extract: Extract) -> None:
    made = asar({"main.js": b"eval(atob('x'))", "node_modules/a/b.exe": STUB, "readme": b"a text"})

    result = await extract(made)

    assert contents(result) == {"main.js": b"eval(atob('x'))", "node_modules/a/b.exe": STUB}


async def test_files_of_electron_that_stand_elsewhere_are_listed(extract: Extract) -> None:
    tree = b'{"files":{"a":{"size":5,"unpacked":true},"b":{"files":7},"c":{"size":-4,"offset":"9"},"d":3}}'
    made = struct.pack("<4I", 4, len(tree) + 8, len(tree) + 4, len(tree)) + tree

    result = await extract(made)

    reasons = {entry["path"]: entry["why"] for entry in result.result["listing"]}
    assert reasons["a"] == "stands in a file of its own"


async def test_a_tree_of_electron_that_is_very_deep_gets_an_answer(extract: Extract) -> None:
    tree = b'{"files":' + b'{"a":{"files":' * 50_000
    made = struct.pack("<4I", 4, len(tree) + 8, len(tree) + 4, len(tree)) + tree

    assert (await extract(made)).result["problems"]


#: what lzip makes of four letters
LZIP = base64.b64decode("TFpJUAEMADCYiJFA+vH///tcoABOgYhHBAAAAAAAAAAoAAAAAAAAAA==")


async def test_all_members_of_a_file_of_lzip_are_unpacked(extract: Extract) -> None:
    result = await extract(LZIP * 2, "a.cmd.lz")

    assert contents(result) == {"a.cmd": b"abc\nabc\n"}


async def test_a_tar_file_behind_a_script_is_opened(extract: Extract) -> None:
    script = b"#!/bin/sh\ntail -n +3 $0 | tar x; ./A.EXE\nexit 0\n"

    assert contents(await extract(script + tarred({"A.EXE": STUB}))) == {"A.EXE": STUB}


@pytest.mark.parametrize("kind", ["2a864886f70d010703", "2a864886f70d0109100117"], ids=["plain", "checked"])
async def test_a_mail_for_the_holders_of_a_key_is_told_as_encrypted(extract: Extract, kind: str) -> None:
    number = bytes.fromhex(kind)

    result = await extract(b"\x30\x80\x06" + bytes([len(number)]) + number + bytes(200), "smime.p7m")

    assert (result.result["isEncrypted"], result.tags) == (True, [Tag("behaviour", "encrypted")])
