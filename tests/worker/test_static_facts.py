"""What a static analysis tells of a program so that its relatives can be found: digests, numbers of builds, resources."""

import hashlib
import plistlib
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import lief
import pytest

from samplebank.worker.analysers.static.macho_signature import signature_facts
from samplebank.worker.contract import Result
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]

LAUNCHER = made_files.launcher()
LS = Path("/bin/ls").read_bytes()


def slices(content: bytes, sections: list[dict[str, int]]) -> list[str]:
    """The SHA-256 of each place in a file that a section names."""
    places = [content[one["offset"] : one["offset"] + one["size"]] for one in sections]
    return [hashlib.sha256(place).hexdigest() for place in places]


@pytest.mark.parametrize(("name", "content"), [("pe", LAUNCHER), ("elf", LS)])
async def test_a_section_has_the_digest_of_its_bytes_in_the_file(
    static: Analyse, name: str, content: bytes
) -> None:
    sections = (await static(content)).result[name]["sections"]

    placed = [one for one in sections if "offset" in one]
    assert [one["sha256"] for one in placed] == slices(content, placed)


async def test_the_rich_hash_is_that_of_the_header_without_its_key(static: Analyse) -> None:
    end = LAUNCHER.index(b"Rich")
    key = LAUNCHER[end + 4 : end + 8]
    start = LAUNCHER.index(bytes(a ^ b for a, b in zip(b"DanS", key, strict=True)))
    plain = bytes(byte ^ key[place % 4] for place, byte in enumerate(LAUNCHER[start:end]))

    rich = (await static(LAUNCHER)).result["pe"]["rich"]

    assert rich["hash"] == hashlib.md5(plain, usedforsecurity=False).hexdigest()


async def test_a_windows_program_tells_its_version_its_icon_and_its_debug_data(static: Analyse) -> None:
    facts = (await static(LAUNCHER)).result["pe"]

    assert facts["version"]["strings"]["InternalName"] == "t64.exe"
    assert (facts["icon"]["width"], len(facts["icon"]["dhash"])) == (48, 16)
    assert facts["pdb"].endswith("t64.pdb")
    assert facts["pdbGuid"].endswith("-1")
    assert {one["kind"] for one in facts["resources"]} == {"icon", "group_icon", "version", "manifest"}


async def test_an_icon_with_a_changed_pixel_keeps_its_perceptual_hash(static: Analyse) -> None:
    binary = lief.PE.parse(LAUNCHER)
    assert binary is not None
    manager = binary.resources_manager
    assert isinstance(manager, lief.PE.ResourcesManager)
    largest = max(manager.icons, key=lambda icon: (icon.width, icon.bit_count))
    pixels = bytes(largest.pixels)
    changed = bytearray(pixels)
    changed[2000] ^= 0xFF

    icons = [
        (await static(LAUNCHER.replace(pixels, bytes(one)))).result["pe"]["icon"] for one in (pixels, changed)
    ]

    assert icons[0]["dhash"] == icons[1]["dhash"]
    assert icons[0]["sha256"] != icons[1]["sha256"]


async def test_the_build_id_of_a_program_is_that_of_its_note(static: Analyse) -> None:
    build_id = (await static(LS)).result["elf"]["buildId"]

    assert (
        LS[LS.index(b"GNU\0" + bytes.fromhex(build_id)) - 4] == lief.ELF.Note.TYPE.GNU_BUILD_ID.value & 0xFF
    )


def signed(entitlements: bytes) -> bytes:
    """A code signature of a directory, for an identifier and a team, and of entitlements."""
    names = b"org.example.app\0TEAM123456\0"
    at = 11 * 4 + 8
    directory = struct.pack(">10I", 0xFADE0C02, at + len(names), 0x20200, 0, 0, at, 0, 0, 0, 0x20020000)
    directory = directory.ljust(48, b"\0") + struct.pack(">I", at + 16) + names
    parts = [directory, struct.pack(">II", 0xFADE7171, 8 + len(entitlements)) + entitlements]
    places = [12 + 8 * len(parts), 12 + 8 * len(parts) + len(directory)]
    index = b"".join(struct.pack(">II", number, place) for number, place in enumerate(places))
    return struct.pack(">III", 0xFADE0CC0, places[1] + len(parts[1]), len(parts)) + index + b"".join(parts)


def test_a_signature_of_apple_tells_the_name_the_team_and_what_the_program_may_do() -> None:
    facts = signature_facts(signed(plistlib.dumps({"com.apple.security.get-task-allow": True})))

    assert (facts["identifier"], facts["team"]) == ("org.example.app", "TEAM123456")
    assert facts["entitlements"] == {"com.apple.security.get-task-allow": True}
    assert len(facts["cdHash"]) == 40


def test_broken_entitlements_cost_themselves_only() -> None:
    facts = signature_facts(signed(b"<plist><dict><key>"))

    assert (facts["identifier"], facts["entitlements"]) == ("org.example.app", {})
