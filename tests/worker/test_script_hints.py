"""A step of an act is looked for only in texts with its hints: so no match may lack the hints."""

import re

import pytest

from samplebank.worker.analysers.static import script_acts as acts
from samplebank.worker.analysers.static.script_acts import Step, folded

#: a match for each alternative of the patterns
MATCHES: list[tuple[Step, str]] = [
    (acts.DOWNLOADS, ".DownloadString('"),
    (acts.DOWNLOADS, "Invoke-WebRequest -"),
    (acts.DOWNLOADS, "Invoke-RestMethod -"),
    (acts.DOWNLOADS, "Start-BitsTransfer -"),
    (acts.DOWNLOADS, "iwr h"),
    (acts.DOWNLOADS, "irm h"),
    (acts.DOWNLOADS, "New-Object Net.WebClient"),
    (acts.DOWNLOADS, "CreateObject('MSXML2.ServerXMLHTTP"),
    (acts.DOWNLOADS, "ActiveXObject('Microsoft.XMLHTTP"),
    (acts.DOWNLOADS, "CreateObject('WinHttp.WinHttpRequest"),
    (acts.DOWNLOADS, "certutil -urlcache"),
    (acts.DOWNLOADS, "bitsadmin /transfer"),
    (acts.DOWNLOADS, "curl -s https://"),
    (acts.DOWNLOADS, "wget x.y ftp://"),
    (acts.DOWNLOADS, "urllib.request.urlopen("),
    (acts.DOWNLOADS, "URLDownloadToFileW("),
    (acts.EXECUTES, "IEX ("),
    (acts.EXECUTES, "| IEX"),
    (acts.EXECUTES, "Invoke-Expression $"),
    (acts.EXECUTES, "Start-Process x"),
    (acts.EXECUTES, "CreateObject('WScript.Shell"),
    (acts.EXECUTES, "CreateObject('Shell.Application"),
    (acts.EXECUTES, "ShellExecute("),
    (acts.EXECUTES, "cmd.exe /c"),
    (acts.EXECUTES, "chmod +x"),
    (acts.EXECUTES, "| sudo bash"),
    (acts.EXECUTES, "os.system("),
    (acts.EXECUTES, "subprocess.Popen("),
    (acts.EXECUTES, "exec("),
    (acts.EXECUTES, "eval("),
    (acts.EXECUTES, "mshta "),
    (acts.EXECUTES, "rundll32.exe "),
    (acts.EXECUTES, "regsvr32 "),
    (acts.INSTALLER, "curl -s https://example.com/x | sh"),
    (acts.INSTALLER, "wget -O- https://example.com/x | sudo bash"),
    (acts.INSTALLER, "irm https://example.com/x | iex"),
    (acts.INSTALLER, "iwr https://example.com/x | iex"),
    (acts.INSTALLER, "Invoke-RestMethod https://example.com/x | iex"),
    (acts.INSTALLER, "Invoke-WebRequest https://example.com/x | Invoke-Expression"),
    (acts.ALONE["script-encoded-command"], f"powershell -enc {'A' * 40}"),
    (acts.ALONE["script-hidden-window"], "-w hidden"),
    (acts.ALONE["script-hidden-window"], "-WindowStyle 1"),
    (acts.ALONE["script-hidden-window"], ".Run x, 0"),
    (acts.ALONE["script-reverse-shell"], "bash -i >& /dev/tcp/"),
    (acts.ALONE["script-reverse-shell"], "sh -i >& /dev/udp/"),
    (acts.ALONE["script-reverse-shell"], "nc x 1 -e /bin/"),
    (acts.ALONE["script-reverse-shell"], "ncat x 1 -c /bin/"),
    (acts.ALONE["script-reverse-shell"], "mkfifo f; cat f | nc"),
    (acts.ALONE["script-reverse-shell"], "exec 5<>/dev/tcp/"),
    (acts.ALONE["script-persistence"], "CurrentVersion\\Run"),
    (acts.ALONE["script-persistence"], "schtasks /create"),
    (acts.ALONE["script-persistence"], "New-ScheduledTask"),
    (acts.ALONE["script-persistence"], "/etc/cron.d"),
    (acts.ALONE["script-persistence"], "crontab -"),
    (acts.ALONE["script-persistence"], "systemctl enable"),
    (acts.ALONE["script-persistence"], "/etc/rc.local"),
    *[(acts.DECODING[0][0], text) for text in ("FromBase64String(", "GzipStream", "DeflateStream", "-split x [char]")],
    *[
        (acts.DECODING[0][1], text)
        for text in ("IEX", "Invoke-Expression", "Assembly]::Load", "[ScriptBlock]::Create", "VirtualAlloc")
    ],
    *[(acts.DECODING[1][0], text) for text in ("base64 -d", "base64 --decode", "openssl enc x -d", "xxd -r")],
    *[(acts.DECODING[1][1], text) for text in ("| bash", "| python3", "| perl", "eval", "source /dev/")],
    *[
        (acts.DECODING[2][0], text)
        for text in ("b64decode(", "zlib.decompress(", "marshal.loads(", "bytes.fromhex(", ".decode('hex", ".decode('rot13")
    ],
    *[(acts.DECODING[2][1], text) for text in ("exec(", "eval(")],
    *[(acts.DECODING[3][0], text) for text in ("atob(", "window.unescape(", "String.fromCharCode(")],
    *[(acts.DECODING[3][1], text) for text in ("window.eval(", "new Function(", "document.write(")],
    *[(acts.DECODING[4][0], text) for text in ("base64_decode (", "gzinflate(", "str_rot13(")],
    *[(acts.DECODING[4][1], text) for text in ("eval(", "assert(", "create_function(")],
    *[(acts.DECODING[5][0], text) for text in ("Chr(1) & Chr(", "ChrW( 65 )&Chr(", "StrReverse(")],
    *[(acts.DECODING[5][1], text) for text in ("ExecuteGlobal x", 'Execute "', "CreateObject('WScript.Shell")],
    *zip(acts.STEPS["script-reverse-shell"][0], ("Net.Sockets.TCPClient", "IEX"), strict=True),
    (acts.STEPS["script-reverse-shell"][0][1], "Invoke-Expression"),
    *zip(acts.STEPS["script-reverse-shell"][1], ("socket.socket", "dup2", "/bin/bash"), strict=True),
]  # fmt: skip


@pytest.mark.parametrize(("step", "text"), MATCHES, ids=[text for _, text in MATCHES])
def test_what_a_pattern_matches_has_its_hints(step: Step, text: str) -> None:
    assert step.pattern.search(text)

    assert step.may_be_in(folded(text))


@pytest.mark.parametrize(
    "text", ["\u0130EX (", "\u0131ex (", "Start-Proce\u017f\u017f x", "\u212fval(", "chmod \u2003+x", "IEX ("]
)
def test_letters_that_a_pattern_takes_for_others_are_no_way_around_the_hints(text: str) -> None:
    is_match = acts.EXECUTES.pattern.search(text) is not None

    assert acts.EXECUTES.may_be_in(folded(text)) or not is_match


def test_every_letter_that_a_pattern_takes_for_a_plain_one_is_folded_to_it() -> None:
    plain = "abcdefghijklmnopqrstuvwxyz"
    for number in range(0x80, 0x2FFFF):
        if 0xD800 <= number <= 0xDFFF:
            continue
        letter = chr(number)
        taken_for = re.fullmatch(f"[{plain}]", letter, re.IGNORECASE)
        assert not taken_for or folded(letter) in plain, hex(number)
