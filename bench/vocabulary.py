"""Words for generated data, so that the data looks and compresses like the data of analysts."""

#: (type, super type, architecture, platform, extension, share in percent)
KINDS = (
    ("pebin", "executable", "x86", "windows", "exe", 34),
    ("pebin", "executable", "amd64", "windows", "dll", 16),
    ("elf", "executable", "amd64", "linux", "bin", 6),
    ("pdf", "document", None, None, "pdf", 12),
    ("docx", "document", None, None, "docx", 9),
    ("xlsx", "document", None, None, "xlsm", 6),
    ("javascript", "code", None, None, "js", 6),
    ("powershell", "code", None, None, "ps1", 4),
    ("zip", "archive", None, None, "zip", 5),
    ("html", "code", None, None, "html", 2),
)
STEMS = (
    "invoice", "payment", "setup", "update", "report", "scan", "order", "statement", "installer", "loader", "document",
    "resume", "shipment", "contract", "backup", "driver", "service", "helper", "patch", "client",
)  # fmt: skip
#: the stem of one name in a hundred
RARE_STEM = "faktura"
#: stem and sensor of one in a hundred of the first ten thousand samples: as many matches at every size of database
FEW_STEM, FEW_SENSOR = "lohnzettel", "attic-0"
FEW_AMONG = 10_000
SOURCES = ("mail", "proxy", "endpoint", "sandbox", "honeypot", "upload")
SENSORS = ("edge", "core", "dmz", "branch", "cloud")
FAMILIES = (
    "emotet", "qakbot", "trickbot", "agenttesla", "formbook", "lokibot", "remcos", "njrat", "redline", "raccoon",
    "icedid", "dridex", "ursnif", "cobaltstrike", "asyncrat", "smokeloader", "guloader", "mirai", "gafgyt", "zloader",
)  # fmt: skip
BEHAVIOURS = (
    "persistence",
    "injection",
    "keylogging",
    "c2",
    "evasion",
    "exfiltration",
    "encryption",
    "discovery",
)
RULES = (
    "upx_packed",
    "suspicious_imports",
    "macro_autoopen",
    "pdf_launch",
    "obfuscated_script",
    "high_entropy",
)
AGENTS = (("mail-gateway", "4.2"), ("edr", "9.1"), ("portal", "2.0"), ("collector", "1.7"))
