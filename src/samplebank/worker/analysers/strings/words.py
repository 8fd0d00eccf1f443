"""The words that disguise hides, each with the technique of MITRE ATT&CK that the word stands for, if there is one."""

from collections.abc import Mapping

#: techniques by number, with the names of ATT&CK, version 17
TECHNIQUES: Mapping[str, str] = {
    "T1027": "Obfuscated Files or Information",
    "T1027.010": "Command Obfuscation",
    "T1027.013": "Encrypted/Encoded File",
    "T1053.005": "Scheduled Task",
    "T1059.001": "PowerShell",
    "T1059.003": "Windows Command Shell",
    "T1059.004": "Unix Shell",
    "T1059.005": "Visual Basic",
    "T1059.006": "Python",
    "T1059.007": "JavaScript",
    "T1105": "Ingress Tool Transfer",
    "T1197": "BITS Jobs",
    "T1218.005": "Mshta",
    "T1218.010": "Regsvr32",
    "T1218.011": "Rundll32",
    "T1547.001": "Registry Run Keys / Startup Folder",
    "T1562.001": "Disable or Modify Tools",
    "T1620": "Reflective Code Loading",
}
#: words in small letters that nobody hides by chance
GRAVE: Mapping[bytes, tuple[str, ...]] = {
    b"powershell": ("T1059.001",),
    b"invoke-expression": ("T1059.001",),
    b"downloadstring": ("T1059.001", "T1105"),
    b"downloadfile": ("T1105",),
    b"downloaddata": ("T1105",),
    b"invoke-webrequest": ("T1059.001", "T1105"),
    b"invoke-restmethod": ("T1059.001", "T1105"),
    b"start-bitstransfer": ("T1197", "T1105"),
    b"net.webclient": ("T1105",),
    b"net.sockets.tcpclient": ("T1059.001",),
    b"reflection.assembly": ("T1620",),
    b"virtualalloc": ("T1620",),
    b"amsi" + b"utils": ("T1562.001",),
    b"wscript.shell": (),
    b"shell.application": (),
    b"adodb.stream": (),
    b"xmlhttp": ("T1105",),
    b"winhttp": ("T1105",),
    b"activexobject": ("T1059.007",),
    b"createobject": ("T1059.005",),
    b"cmd.exe": ("T1059.003",),
    b"cmd /c": ("T1059.003",),
    b"mshta": ("T1218.005",),
    b"rundll32": ("T1218.011",),
    b"regsvr32": ("T1218.010",),
    b"certutil": ("T1105",),
    b"bitsadmin": ("T1197", "T1105"),
    b"schtasks": ("T1053.005",),
    b"currentversion\\run": ("T1547.001",),
    b"/dev/tcp/": ("T1059.004",),
    b"os.system": ("T1059.006",),
    b"urllib.request": ("T1059.006", "T1105"),
    b"urlretrieve": ("T1059.006", "T1105"),
    b"curl http": ("T1105",),
    b"wget http": ("T1105",),
    b"| sh": ("T1059.004",),
    b"| bash": ("T1059.004",),
    b"|bash": ("T1059.004",),
}
#: words worth a look, which clean scripts put together as well
SLIGHT = (
    b"http://",
    b"https://",
    b"eval(",
    b"exec(",
    b"/bin/sh",
    b"/bin/bash",
    b"iex",
    b"frombase64string",
    b"subprocess",
)


def revealed(content: bytes, disguised: bytes) -> tuple[list[bytes], list[bytes]]:
    """The grave words, and the slight words, that stand more often in `content` than in `disguised`."""
    shown, hidden = content.lower(), disguised.lower()
    grave = [word for word in GRAVE if word in shown and shown.count(word) > hidden.count(word)]
    slight = [word for word in SLIGHT if word in shown and shown.count(word) > hidden.count(word)]
    return grave, slight
