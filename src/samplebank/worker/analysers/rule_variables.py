"""The variables that rules may ask for besides the content of a sample, as Loki and THOR give them to rules."""

from pathlib import PurePath, PurePosixPath

from samplebank.worker.contract import JSON, SampleFile

#: types of the classifier that Loki and THOR call by another name; all others are called by their name in capitals
FILE_TYPES = {
    "pebin": "EXE",
    "mzbin": "EXE",
    "sevenzip": "7Z",
    "doc": "OLE",
    "xls": "OLE",
    "ppt": "OLE",
    "msi": "OLE",
    "outlook": "OLE",
}
LONGEST = 1000


def variables_of(sample: SampleFile) -> dict[str, str]:
    """The value of each variable: empty where it is not known. The service does not know who owned a file."""
    path = _text(sample.submission.get("fileName"))
    name = PurePosixPath(path.replace("\\", "/")).name
    kind = _text((sample.classification or {}).get("type"))
    return {
        "filename": name,
        "filepath": path[: len(path) - len(name)],
        "extension": PurePath(name).suffix.lower(),
        "filetype": "" if kind in {"", "unknown"} else FILE_TYPES.get(kind, kind.upper()),
        "owner": "",
    }


def _text(value: JSON) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""
