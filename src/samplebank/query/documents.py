"""How the documents of searches combine. A document has the fields of an advanced search; sub-criteria may have sub-criteria.

All fields of a document must hold. Of the entries of a list, the required ones must hold, the excluded ones must not, and of
the rest, if there is any, one must.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

Document: TypeAlias = dict[str, Any]
SUB: Final = "subCriteria"
#: lists of entries, each of which is about a row of the sample
ROWS: Final = frozenset({"submission", "analysis", "link", "classification", "verdict", "fact", "derived"})
#: lists of values, any of which may match
VALUES: Final = frozenset({"md5", "sha1", "sha256", "sha512", "customer", "tlp", "user"})
#: the same, within an entry
INNER_VALUES: Final = frozenset(
    {
        *("type", "superType", "arch", "platform", "fileName", "fileNameLike", "mimeType"),
        *("assessment", "tags", "reference", "linkType"),
    }
)
DEMANDED: Final = {"keywordMatchStrategy": "all"}
#: words that must all occur: words of two documents are one list
WORDS: Final = frozenset({"keywords", *DEMANDED})


def row(kind: str, **fields: Any) -> Document:
    """A document that demands a row."""
    return {kind: [{**fields, "required": True}]}


def both(documents: Sequence[Document]) -> Document:
    """All documents hold."""
    found: Document = {}
    for document in documents:
        if not _joins(found, document):
            found.setdefault(SUB, []).append({**document, "required": True})
    return found


def either(documents: Sequence[Document]) -> Document:
    """One of the documents holds. Values of one field become one list, because a search takes a list as a whole."""
    merged: list[Document] = []
    by_field: dict[str, Document] = {}
    for document in documents:
        name = _only_list(document)
        if name is not None and name in by_field:
            _values(by_field[name]).extend(_values(document))
            continue
        merged.append(document)
        if name is not None:
            by_field[name] = document
    return merged[0] if len(merged) == 1 else {SUB: merged}


def negated(document: Document) -> Document:
    """The document does not hold."""
    if len(document) == 1:
        ((kind, value),) = document.items()
        if (kind in ROWS or kind == SUB) and len(value) == 1:
            (entry,) = value
            rest = {name: field for name, field in entry.items() if name not in {"required", "exclude"}}
            flag = "required" if entry.get("exclude") else "exclude"
            return {kind: [{**rest, flag: True}]}
    return {SUB: [{**document, "exclude": True}]}


def _joins(found: Document, document: Document) -> bool:
    """Add the fields of the document to `found`. False, with nothing added, where a field means another thing there."""
    shared = found.keys() & document.keys()
    if any(name not in ROWS | WORDS and name != SUB for name in shared):
        return False
    if any(_has_choice(found[name]) and _has_choice(document[name]) for name in shared - WORDS):
        return False
    for name, value in document.items():
        found[name] = [*found[name], *value] if name in shared - DEMANDED.keys() else value
    return True


def _has_choice(entries: list[Document]) -> bool:
    return any(not entry.get("required") and not entry.get("exclude") for entry in entries)


def _only_list(document: Document) -> str | None:
    """The path of the only list of values of a document; None where the document says anything else."""
    if len(document) != 1:
        return None
    ((kind, value),) = document.items()
    if kind in VALUES:
        return kind
    if kind not in ROWS or len(value) != 1 or value[0].get("exclude"):
        return None
    (name, *others) = sorted(value[0].keys() - {"required"})
    return f"{kind}.{name}" if name in INNER_VALUES and not others else None


def _values(document: Document) -> list[Any]:
    """The list of which `_only_list` tells the path."""
    ((kind, value),) = document.items()
    if kind in VALUES:
        listed: list[Any] = value
        return listed
    (name,) = value[0].keys() - {"required"}
    inner: list[Any] = value[0][name]
    return inner
