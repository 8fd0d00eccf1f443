"""The variables that rules may ask for besides the content of a sample, as Loki and THOR give them to rules."""

from pathlib import PurePath, PurePosixPath

from samplebank.identification.signatures import find_signature
from samplebank.worker.contract import JSON, SampleFile

#: types of the classifier with another name in Loki and THOR; all others have the same name in capitals
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
LONGEST, MOST_LOOKED_AT = 1000, 64 * 1024


def variables_of(sample: SampleFile) -> dict[str, str]:
    """The value of each variable: empty where it is not known. The service does not know who owned a file."""
    given = _text(sample.submission.get("fileName"))
    # A file found inside of a container has the path there in the metadata.
    path = _text((sample.submission.get("metaData") or {}).get("extractionPath")) or given
    name = _last(given or path)
    return {
        "filename": name,
        "filepath": path[: len(path) - len(_last(path))],
        "extension": PurePath(name).suffix.lower(),
        "filetype": file_type(_text((sample.classification or {}).get("type"))),
        "owner": "",
    }


def variables_of_layer(sample: SampleFile, content: bytes) -> dict[str, str]:
    """The values for a layer of the sample: the names are those of the sample, and the type is that of the layer."""
    signature = find_signature(content[:MOST_LOOKED_AT])
    kind = signature.file_type.label if signature is not None else ""
    return {**variables_of(sample), "filetype": file_type(kind)}


def file_type(kind: str) -> str:
    """The type of a file as rules name the type: empty for a type that is not known."""
    return "" if kind in {"", "unknown"} else FILE_TYPES.get(kind, kind.upper())


def _last(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _text(value: JSON) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""
