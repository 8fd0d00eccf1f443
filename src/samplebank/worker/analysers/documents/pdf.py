"""PDF documents: scripts, programs, addresses and files of other hosts that actions name, encryption and metadata. Needs pikepdf."""

import html
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from samplebank.worker.analysers.documents.damage import BROKEN
from samplebank.worker.analysers.documents.locked import (
    MOST_TRIES,
    keep_opened,
    note_encryption,
    words_to_try,
)
from samplebank.worker.analysers.documents.report import Report, cut
from samplebank.worker.analysers.documents.targets import Reach, Target, target_of
from samplebank.worker.analysers.extract.extras import Source, installed
from samplebank.worker.analysers.extract.pdf_objects import dictionaries
from samplebank.worker.contract import SampleFile

pikepdf = installed("pikepdf")

MOST_OBJECTS, MOST_ACTIONS, DEEPEST = 30_000, 2000, 8
MOST_SCRIPT_BYTES = 1024 * 1024
#: fields of an action under which actions stand that run behind it, and how many of a list are read
STARTED, MOST_NEXT = ("/A", "/Next", "/PA"), 100
#: events of a page that need no click: the page is opened, or is seen
STARTING = frozenset({"/O", "/PO", "/PV"})
PLATFORMS = ("/Win", "/Unix", "/Mac")
INFORMATION = {
    "/Author": "creator",
    "/Creator": "application",
    "/Producer": "producer",
    "/CreationDate": "created",
    "/ModDate": "modified",
    "/Title": "title",
    "/Subject": "subject",
    "/Keywords": "keywords",
    "/Company": "company",
}
EXPLOITS = re.compile(
    rb"(?i)util\.printf\s*\(\s*[\"']%\d{4}|\bcollab\.(?:collectemailinfo|geticon)|media\.newplayer|spell\.customdictionaryopen|"
    rb"unescape\s*\(\s*[\"']%u|(?:%u[0-9a-f]{4}){8}|\bheap\w{0,10}spray|\bshellcode\b"
)
OPENS_ATTACHMENT = re.compile(rb"(?i)exportdataobject[^;]{0,300}nlaunch|\bapp\.opendoc\b")
FORM_SCRIPT = re.compile(rb"(?i)<(?:\w{1,20}:)?script\b[^>]{0,300}>")
FORM_SCRIPT_END = re.compile(rb"(?i)</(?:\w{1,20}:)?script\b")
PDF_NAMES = re.compile(r"(?i)\.pdf\Z")


def warm_up() -> None:
    """Make a document, once: the first use loads what all uses need."""
    if pikepdf is not None:
        target = io.BytesIO()
        with pikepdf.new() as document:
            document.save(target)
        with pikepdf.open(target) as document:
            document.Root.get("/Pages")


def read(data: bytes, sample: SampleFile, report: Report) -> None:
    if pikepdf is None:
        return
    document = _opened(data, sample, report)
    if document is None:
        return
    with document:
        report.part("metadata", lambda: _read_metadata(document, report))
        report.part("actions", lambda: _read_actions(document, report))


def _opened(data: bytes, sample: SampleFile, report: Report) -> Any:
    """Open the document. A document that only forbids printing or changes opens without a word."""
    try:
        document = pikepdf.open(Source(data))
    except pikepdf.PasswordError:
        return _opened_by_word(data, sample, report)
    if document.is_encrypted:
        report.encryption = {"isEncrypted": True, "isOpened": True, "method": "pdf", "password": ""}
    return document


def _opened_by_word(data: bytes, sample: SampleFile, report: Report) -> Any:
    note_encryption(report, "pdf")
    for word in words_to_try(sample)[:MOST_TRIES]:
        report.go_on()
        try:
            document = pikepdf.open(Source(data), password=word)
        except pikepdf.PasswordError:
            continue
        target = io.BytesIO()
        document.save(target, encryption=False)
        keep_opened(target.getvalue(), word, sample, report)
        return document
    return None


def _read_metadata(document: Any, report: Report) -> None:
    report.tell("version", str(document.pdf_version))
    report.tell("pages", len(document.pages))
    identifier = document.trailer.get("/ID")
    if isinstance(identifier, pikepdf.Array) and len(identifier):
        report.tell("id", bytes(identifier[0])[:64].hex())
    information = document.trailer.get("/Info")
    if isinstance(information, pikepdf.Dictionary):
        for name, told in INFORMATION.items():
            value = information.get(name)
            if isinstance(value, pikepdf.String):
                report.tell(told, str(value))


def _read_actions(document: Any, report: Report) -> None:
    first = document.Root.get("/OpenAction")
    reader = _Actions(report)
    if isinstance(first, pikepdf.Dictionary):
        reader.read_whole(first, is_first=True)
    names = document.Root.get("/Names")
    if isinstance(names, pikepdf.Dictionary) and names.get("/JavaScript") is not None:
        report.find("pdf-script-autostart", "Names")
    for _, found in dictionaries(document, MOST_OBJECTS):
        report.go_on()
        reader.read_whole(found, is_first=False)


class _Actions:
    """Reads actions. `is_first`: the action runs by itself."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._left = MOST_ACTIONS

    def read_whole(self, found: Any, *, is_first: bool) -> None:
        """Read a dictionary of the document. A damaged action costs no other action."""
        try:
            self._read(found, is_first=is_first)
        except BROKEN as error:
            self._report.damage("object", error)

    def _read(self, found: Any, *, is_first: bool, depth: int = 0) -> None:
        """Read a dictionary as an action, and the actions that run by themselves because of the dictionary.

        All other actions are dictionaries of the document, too, and come by themselves.
        """
        if depth > DEEPEST or self._left <= 0:
            return
        self._left -= 1 if depth else 0
        self._read_form(found.get("/XFA"))
        kind = found.get("/S")
        if kind is not None:
            self._read_action(str(kind), found, is_first=is_first)
        events = found.get("/AA")
        if isinstance(events, pikepdf.Dictionary):
            for event, action in events.items():
                if is_first or event in STARTING:
                    self._read_started(action, depth)
        if is_first:
            for name in STARTED:
                self._read_started(found.get(name), depth)

    def _read_started(self, action: Any, depth: int) -> None:
        """Read an action, or each action of a list of actions, that runs by itself."""
        actions = islice(action, MOST_NEXT) if isinstance(action, pikepdf.Array) else (action,)
        for one in actions:
            if isinstance(one, pikepdf.Dictionary):
                self._read(one, is_first=True, depth=depth + 1)

    def _read_action(self, kind: str, action: Any, *, is_first: bool) -> None:
        self._left -= 1
        match kind:
            case "/JavaScript":
                self._read_script(action, is_first=is_first)
            case "/Launch":
                self._read_launch(action)
            case "/URI":
                self._read_address(_text(action.get("/URI")), is_first=is_first)
            case "/GoToR" | "/GoToE" | "/ImportData" | "/SubmitForm" | "/Thread" | "/Rendition":
                self._read_file(kind[1:], action)

    def _read_script(self, action: Any, *, is_first: bool) -> None:
        script = action.get("/JS")
        if script is None:
            return
        self._note_script(
            script.read_bytes() if isinstance(script, pikepdf.Stream) else bytes(script), is_first=is_first
        )

    def _read_form(self, form: Any) -> None:
        """Read the scripts of a form in XML (XFA)."""
        for part in islice(form, MOST_NEXT) if isinstance(form, pikepdf.Array) else (form,):
            if isinstance(part, pikepdf.Stream):
                for script in islice(_scripts_of(part.read_bytes()), MOST_NEXT):
                    self._note_script(script, is_first=False)

    def _note_script(self, content: bytes, *, is_first: bool) -> None:
        if content.startswith(b"\xfe\xff"):
            content = content.decode("utf-16", "replace").encode()
        content = content[:MOST_SCRIPT_BYTES]
        text = content.decode("utf-8", "replace")
        self._report.add("scripts", {"size": len(content), "isAutomatic": is_first, "text": cut(text)})
        self._report.texts.append(text)
        self._report.find("pdf-script", "", "")
        if is_first:
            self._report.find("pdf-script-autostart", "", "")
        if found := EXPLOITS.search(content):
            self._report.find("pdf-script-of-exploits", "", found[0].decode("latin-1")[:100])
        if OPENS_ATTACHMENT.search(content):
            self._report.find("pdf-opens-attachment")

    def _read_launch(self, action: Any) -> None:
        target = _file_of(action)
        for platform in PLATFORMS:
            inner = action.get(platform)
            if isinstance(inner, pikepdf.Dictionary):
                target = f"{_text(inner.get('/F'))} {_text(inner.get('/P'))}".strip() or target
        self._report.add(
            "external",
            {"relation": "Launch", "target": target, "reach": str(target_of(target).reach), "where": ""},
        )
        self._report.texts.append(target)
        if not PDF_NAMES.search(target):
            self._report.find("pdf-launch", "", target)

    def _read_address(self, address: str, *, is_first: bool) -> None:
        if not address:
            return
        self._report.add("hyperlinks", {"target": address, "where": ""})
        self._report.texts.append(address)
        if is_first:
            self._report.find("pdf-address-autostart", "", address)
        self._note_share(target_of(address))

    def _read_file(self, kind: str, action: Any) -> None:
        name = _file_of(action)
        target = target_of(name)
        if target.reach is Reach.LOCAL:
            return
        self._report.add(
            "external", {"relation": kind, "target": target.text, "reach": str(target.reach), "where": ""}
        )
        self._report.texts.append(target.text)
        self._note_share(target)

    def _note_share(self, target: Target) -> None:
        if target.reach is Reach.SHARE and target.is_outside:
            self._report.find("pdf-remote-file", "", target.text)


def _scripts_of(form: bytes) -> Iterator[bytes]:
    """The scripts in a part of a form in XML."""
    place = 0
    while start := FORM_SCRIPT.search(form, place):
        end = FORM_SCRIPT_END.search(form, start.end())
        if end is None:
            return
        yield html.unescape(form[start.end() : end.start()].decode("utf-8", "replace")).encode()
        place = end.end()


def _file_of(action: Any) -> str:
    """The name of the file of an action: a text, or an object with the text."""
    value = action.get("/F")
    if isinstance(value, pikepdf.Dictionary):
        return _text(value.get("/UF")) or _text(value.get("/F")) or _text(value.get("/Unix"))
    return _text(value)


def _text(value: Any) -> str:
    return str(value)[:4000] if isinstance(value, pikepdf.String) else ""
