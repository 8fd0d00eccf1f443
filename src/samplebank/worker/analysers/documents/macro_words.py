"""The names by which macros run by themselves, and the calls by which macros do harm."""

import re
from collections.abc import Mapping

from samplebank.worker.analysers.documents.report import Report

AUTOSTART = re.compile(
    r"(?im)^[ \t]*(?:(?:public|private|friend|static)[ \t]+){0,2}(?:sub|function|property[ \t]+\w{3})[ \t]+("
    r"auto_?(?:open|exec|exit|close|new|activate|deactivate|remove|add)|"
    # events of documents
    r"(?:document|app|workbook|presentation|worksheet|auto|thisdocument|thisworkbook|slideshow)_"
    r"(?:open|close|new|activate|beforeclose|beforesave|beforeprint|windowactivate|deactivate|newworkbook|calculate|"
    r"onslideshowpagechange|slideshowbegin|documentopen|workbookopen|contentcontrolonenter|contentcontrolonexit)|"
    # events of controls that no click causes, and that no honest macro needs
    r"\w{1,40}_(?:painted|painting|layout|onconnecting|onconnected|ondisconnected|documentcomplete|beforenavigate2|"
    r"titlechange|downloadbegin|navigatecomplete2|mousehover)|"
    r"onslideshowpagechange|slideshowbegin|onloadribbon)\b"
)
#: events of forms of a macro: somebody has started the macro before
OF_FORMS = re.compile(r"(?i)^(?:userform|class|\w{0,40}form\d{0,4})_")
ACTS: Mapping[str, re.Pattern[str]] = {
    "macro-runs-programs": re.compile(
        r"(?i)(?<![\w.])shell(?:\s*\(|[ \t]+[\"\w])|\bwscript\.shell\b|\bshell\.application\b|\bshellexecute[aw]?\b|"
        r"\bcreateprocess[aw]?\b|\bwinexec\b|\bwinmgmts:|\bwin32_process\b|\bmacscript\b|\bappleScripttask\b|\bpopen\b|"
        r"\bschedule\.service\b|\bpowershell\b|\bcmd(?:\.exe)?\s{1,3}/[ckv]\b|\bmshta\b|\b[wc]script(?:\.exe)?\s|\brundll32\b|"
        r"\bregsvr32\b|\bexecuteexcel4macro\b|\bddeexecute\b|\bhtafile\b|\bmmc20\.application\b|\bshellbrowserwindow\b"
    ),
    "macro-downloads": re.compile(
        r"(?i)\burldownloadtofile[aw]?\b|\burldownloadtocachefile[aw]?\b|\bxmlhttp\b|\bwinhttprequest\b|\binternetopenurl[aw]?\b|"
        r"\binternetreadfile\b|\bnet\.webclient\b|\bdownload(?:file|string|data)\b|\bbitsadmin\b|\bcertutil\b|"
        r"\binvoke-webrequest\b|\bstart-bitstransfer\b|\bserverxmlhttp\b|\binternetexplorer\.application\b"
    ),
    "macro-injects-code": re.compile(
        r"(?i)\b(?:virtualalloc(?:ex)?|virtualprotect(?:ex)?|createremotethread|writeprocessmemory|ntwritevirtualmemory|createthread|"
        r"ntallocatevirtualmemory|heapcreate|enumsystemlanguagegroupsw?|queueuserapc|setthreadcontext|callwindowproc[aw]?|"
        r"enumdateformatsw?|enumsystemcodepagesw?|rtlmovememory[\s\S]{0,200}?createthread)\b"
    ),
    "macro-persists": re.compile(
        r"(?i)currentversion\\{1,2}run\b|\.regwrite\b|\\{1,2}startup\\{1,2}|\bschtasks\b|\bvbaWarnings\b|\baccessvbom\b|"
        r"\bnormaltemplate\.vbproject\b|\.codemodule\.(?:addfromstring|insertlines|addfromfile)\b|\bvbcomponents\.import\b"
    ),
    "macro-writes-files": re.compile(
        r"(?i)\bfor[ \t]+(?:binary|output|append)\b|\badodb\.stream\b|\bsavetofile\b|\bcreatetextfile\b|\bfilecopy\b|"
        r"\bwritebytes\b|\bcopyhere\b"
    ),
}
CONTINUED, JOINED = re.compile(r"[ \t]_[ \t]*\r?\n[ \t]*"), re.compile(r'"[ \t]*[&+][ \t]*"')
REMARK = re.compile(r"(?im)^[ \t]*(?:'|rem[ \t])[^\r\n]*")
CODES = re.compile(r"(?i)\bchr[bw]?\$?[ \t]*\([^()\r\n]{1,40}\)[ \t]*[&+]")
DISGUISE = re.compile(
    r'(?i)\bstrreverse\s*\(|\bcallbyname\b|"[A-Za-z0-9+/=]{200,}"|"(?:[0-9a-f]{2}){100,}"|\bxor\b[^\r\n]{0,60}\b(?:asc|mid)[bw]?\$?\s*\('
)
MOST_CODES, MOST_CALLS = 15, 20
#: calls that a compiled macro names, and that an honest source does not lack
GRAVE = (
    b"URLDownloadToFile", b"WScript.Shell", b"ShellExecute", b"VirtualAlloc", b"CreateRemoteThread", b"AutoOpen", b"Auto_Open",
    b"Document_Open", b"Workbook_Open", b"Shell", b"CreateObject", b"Environ",
)  # fmt: skip
NOT_A_NAME = rb"[^A-Za-z0-9_.]"
FEWEST_STOMPED = 2


def find_acts(source: str, where: str, report: Report) -> None:
    """Find what macros do."""
    plain = JOINED.sub("", CONTINUED.sub(" ", REMARK.sub("", source)))
    report.find("macros", where)
    if starts := autostarts(plain):
        report.find("macro-autostart", where, ", ".join(starts))
    find_calls(plain, where, report)
    if len(CODES.findall(plain)) >= MOST_CODES or DISGUISE.search(plain):
        report.find("macro-is-disguised", where)
    if plain != source:
        report.texts.append(plain)


def find_calls(source: str, where: str, report: Report) -> None:
    """Find calls that can do harm."""
    for name, pattern in ACTS.items():
        if calls := _calls(pattern, source):
            report.find(name, where, ", ".join(calls))


def autostarts(source: str) -> list[str]:
    """The names of subroutines that run by themselves."""
    found = dict.fromkeys(match[1] for match in AUTOSTART.finditer(source))
    return [name for name in found if not OF_FORMS.match(name)][:MOST_CALLS]


def calls_of(source: str) -> list[str]:
    """The calls of a module that can do harm."""
    return [call for pattern in ACTS.values() for call in _calls(pattern, source)][:MOST_CALLS]


def _calls(pattern: re.Pattern[str], source: str) -> list[str]:
    found = dict.fromkeys(" ".join(match[0].split()).strip('("')[:60] for match in pattern.finditer(source))
    return list(found)[:MOST_CALLS]


def find_stomping(source: str, compiled: bytes, report: Report) -> None:
    """Find calls that only the compiled macro has: somebody took the source out or changed the source."""
    lowered = source.lower()
    missing = [
        word.decode()
        for word in GRAVE
        if word in compiled
        and word.decode().lower() not in lowered
        and re.search(NOT_A_NAME + re.escape(word) + NOT_A_NAME, compiled)
    ]
    if len(missing) >= FEWEST_STOMPED:
        report.find("macro-is-stomped", "", ", ".join(missing))
