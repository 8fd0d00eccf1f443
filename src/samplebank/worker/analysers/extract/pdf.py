"""Files attached to PDF documents, and scripts in PDF documents. Needs the package pikepdf."""

from contextlib import suppress
from itertools import islice
from typing import Any

from samplebank.worker.analysers.extract.extras import Source, installed
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.passwords import Words
from samplebank.worker.analysers.extract.pdf_objects import dictionaries

pikepdf = installed("pikepdf")

#: what pikepdf raises for damaged files
BROKEN: tuple[type[Exception], ...] = () if pikepdf is None else (pikepdf.PdfError, RuntimeError)
MOST_OBJECTS = 50_000
SHORTEST_SCRIPT = 1
#: names and parts of a form
MOST_PARTS = 200
NAMES = ("/UF", "/F", "/Desc")


def can_open() -> bool:
    return pikepdf is not None


def open_pdf(data: bytes, haul: Haul, words: Words) -> None:
    """Take embedded files and scripts. A document under an unknown password stays closed."""
    try:
        document = _opened(data, haul, words)
    except pikepdf.PdfError as error:
        haul.problems.append(f"{type(error).__name__}: {error}"[:300])
        return
    if document is None:
        haul.begin("")
        haul.lock("", len(data))
        return
    with document:
        for number, found in dictionaries(document, MOST_OBJECTS):
            haul.go_on()
            _take(found, number, haul)


def _opened(data: bytes, haul: Haul, words: Words) -> Any:
    """The document; None where no word opens the document. Raises PdfError."""
    with suppress(pikepdf.PasswordError):
        return pikepdf.open(Source(data))
    for word in words.to_try():
        with suppress(pikepdf.PasswordError):
            document = pikepdf.open(Source(data), password=word)
            haul.password_used = word
            return document
    return None


def _take(found: Any, number: str, haul: Haul) -> None:
    """Take the file, the script and the form of a dictionary. A damaged one costs nothing of another dictionary."""
    try:
        _take_file(found, number, haul)
        _take_script(found, number, haul)
        _take_form(found, number, haul)
    except (
        pikepdf.PdfError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        RecursionError,
    ) as error:
        haul.problems.append(f"{type(error).__name__}: {error}"[:300])


def _take_file(found: Any, number: str, haul: Haul) -> None:
    files = found.get("/EF")
    if not isinstance(files, pikepdf.Dictionary):
        return
    stream = next(
        (files.get(name) for name in ("/UF", "/F") if isinstance(files.get(name), pikepdf.Stream)), None
    )
    if stream is None:
        return
    path = next(
        (str(found.get(name)) for name in NAMES if found.get(name) is not None), f"attachment-{number}"
    )
    content = stream.read_bytes()
    if haul.begin(path, len(content), len(stream.read_raw_bytes())):
        haul.take(path, content, "pdf")


def _take_script(found: Any, number: str, haul: Haul) -> None:
    script = found.get("/JS")
    if script is None:
        return
    content = script.read_bytes() if isinstance(script, pikepdf.Stream) else bytes(script)
    path = f"script-{number}.js"
    if len(content) >= SHORTEST_SCRIPT and haul.begin(path, len(content), len(content)):
        haul.take(path, content, "pdf")


def _take_form(found: Any, number: str, haul: Haul) -> None:
    """Take the parts of a form in XML (XFA): a part with scripts becomes a sample."""
    form = found.get("/XFA")
    for place, part in enumerate(islice(form, MOST_PARTS) if isinstance(form, pikepdf.Array) else (form,)):
        if isinstance(part, pikepdf.Stream):
            content, path = part.read_bytes(), f"form-{number}-{place}.xml"
            if haul.begin(path, len(content), len(part.read_raw_bytes())):
                haul.take(path, content, "pdf")
