"""Chooses what opens a sample: the marks of the first and the last bytes decide, and not the name."""

import re
from collections.abc import Callable, Mapping

from samplebank.identification.signatures import find_signature, find_tail_type, known_types
from samplebank.identification.texts import WIDE_MARKS, without_false_mark
from samplebank.worker.analysers.extract import (
    asar,
    autoit,
    behind,
    bundles,
    carried,
    cms,
    compound,
    droppers,
    frozen,
    mail,
    onenote,
    pdf,
    plain,
    rtf,
    sevenzip,
    smuggled,
    symbian,
    text_encodings,
    tnef,
    zips,
)
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, MAIL_HEADER, is_text
from samplebank.worker.analysers.extract.passwords import Words, words_for
from samplebank.worker.contract import SampleFile

TAIL_BYTES = 512
#: endings that the name of a compressed file loses when the file is unpacked
ENDING = re.compile(r"(?i)\.(?:gz|bz2|xz|lzma|lz|z|zst|p7m)$")
#: how the signed part of a mail begins
MAIL_BODY = re.compile(rb"(?i)\s{0,10}(?:content-[\w-]{1,40}|mime-version):")
#: the volume of a UDF image that is no ISO 9660 image besides
UDF_PLACE, UDF_MARK = 0x8001, b"BEA01"
#: the method of the first file of an LZH archive
LZH = re.compile(rb"-(?:lh[0-9dx]|lz[s45])-")


def open_sample(data: bytes, sample: SampleFile, haul: Haul) -> None:
    """Open a sample. A file that is no container leaves the haul empty. Raises `Stopped` and the errors of `BROKEN`."""
    words = Words(words_for(sample))
    head = data[:HEAD_BYTES]
    label = label_of(data, head)
    if label not in WITHOUT_MORE and zips.ends_with_zip(data, exactly=label in DOCUMENTS):
        _open_zip(data, haul, words)
    if label in plain.STREAMS:
        _open_compressed(data, sample, haul, label)
    elif label in WHOLE:
        haul.opened.append(label)
        WHOLE[label](data, haul)
    elif label == "zip":
        _open_zip(data, haul, words)
    elif label in DOCUMENTS:
        _open_document(data, haul, words, label)
    elif label in PROGRAMS:
        _open_behind(data, haul, words, label)
    elif sevenzip.can_open(label):
        _open_archive(data, haul, words, label, alone=_unpacked_name(sample))
    elif symbian.is_installer(data):
        haul.opened.append("sis")
        symbian.open_installer(data, haul)
    elif label or not _has_opened_wrapped(data, sample, haul, words):
        _open_unmarked(data, head, haul, words, label)


def _has_opened_wrapped(data: bytes, sample: SampleFile, haul: Haul, words: Words) -> bool:
    """Open one file in a signature, or in a script that unpacks the file. False where there is none."""
    if cms.is_enveloped(data):
        haul.opened.append("cms")
        haul.begin("")
        haul.lock("", len(data))
        return True
    signed = cms.content_of(data)
    if signed is not None:
        _open_signed(signed, sample, haul)
        return True
    packed = plain.stream_behind_script(data)
    if packed is None:
        return data.startswith(b"#!") and carried.has_taken_program(data, haul)
    place, stream = packed
    if stream == "tar":
        haul.opened.append("tar")
        plain.open_tar(data[place:], haul)
    elif stream in plain.STREAMS:
        _open_compressed(data[place:], sample, haul, stream)
    elif sevenzip.can_open(stream):
        _open_archive(data[place:], haul, words, stream, alone=_unpacked_name(sample))
    else:
        _tell_unopened(stream, haul)
    return True


def _open_signed(content: bytes, sample: SampleFile, haul: Haul) -> None:
    """Take what is signed: the attachments, where the content is the body of a mail."""
    haul.opened.append("cms")
    if MAIL_BODY.match(content):
        mail.open_mail(content, haul)
        return
    path = _unpacked_name(sample)
    if haul.begin(path, len(content)):
        haul.take(path, content, "cms")


def _open_unmarked(data: bytes, head: bytes, haul: Haul, words: Words, label: str) -> None:
    """Open a text, or an archive or a program behind a picture, a shortcut or a script."""
    if label in UNOPENED:
        _tell_unopened(label, haul)
    elif is_text(head) or text_encodings.YENC.search(head) or MAIL_HEADER.match(head):
        _open_text(data, head, haul)
    elif label in CARRIERS or not label:
        has_opened = behind.open_behind(data, haul, words, within=1)
        if not has_opened and (label or carried.is_carrier(data)):
            _open_carried(data, haul)


def _open_carried(data: bytes, haul: Haul) -> None:
    """Take a program in plain bytes, or in letters that a script cuts out of the file."""
    if not carried.has_taken_program(data, haul):
        smuggled.open_smuggled(data, haul)


def _tell_unopened(label: str, haul: Haul) -> None:
    haul.problems.append(
        f"{label}: files of this kind are not opened, so what the file holds was not looked at."
    )


#: containers that need no more than their bytes
WHOLE: Mapping[str, Callable[[bytes, Haul], None]] = {"asar": asar.open_asar, "tar": plain.open_tar}
DOCUMENTS = frozenset({"ole", "msi", "pdf", "rtf", "tnef", "one"})
PROGRAMS = frozenset({"pebin", "elf", "macho"})
#: what is shown, played or started, though more follows
CARRIERS = (
    sevenzip.PICTURES
    | {"lnk"}
    | {kind.label for kind in known_types() if kind.group in {"image", "audio", "video"}}
)
#: archives and file systems that no library of the worker opens
UNOPENED = frozenset(
    (
        *("ace", "adf", "alz", "btrfs", "egg", "f2fs", "lrz", "lz4"),
        *("lzop", "reiserfs", "romfs", "snappy", "stuffit", "xfs", "zoo", "zpaq"),
    )
)
#: how the files begin that an installer by Inno Setup brings along
INNO_SETUP = b"Inno Setup Setup Data ("
#: types with a place of their own for a ZIP file, such as a member that is not packed
WITHOUT_MORE = (PROGRAMS | plain.STREAMS.keys() | sevenzip.FORMATS.keys() | WHOLE.keys()) - DOCUMENTS


def label_of(data: bytes, head: bytes) -> str:
    """The type of the sample by its marks; empty where there is none."""
    found = find_signature(head)
    kind = find_tail_type(head, data[-TAIL_BYTES:]) or (found.file_type if found else None)
    if kind is not None:
        return kind.label or ""
    if data.startswith(UDF_MARK, UDF_PLACE):
        return "udf"
    if plain.is_old_tar(head):
        return "tar"
    return "lha" if LZH.match(head, 2) else ""


def _open_zip(data: bytes, haul: Haul, words: Words) -> None:
    """The standard library opens what it knows; 7-Zip opens other methods, AES, and files without a directory."""
    places = list(zips.places_of_zips(data, haul)) or [(0, len(data))]
    for start, end in places:
        words.hear(zips.words_of_comment(data[:end]))
        if sevenzip.can_open("zip") and not zips.knows_all_of(data[:end]):
            _open_archive(data[start:end], haul, words, "zip")
        else:
            haul.opened.append("zip")
            zips.open_zip(data[:end], haul, words, is_first=(start, end) == places[-1])


def _open_archive(data: bytes, haul: Haul, words: Words, label: str, alone: str = "content") -> None:
    """Open a file by 7-Zip. A file that 7-Zip does not open has the mark of its type, so the analyst is told."""
    if not sevenzip.open_archive(data, haul, words, label, alone=alone):
        haul.problems.append(f"{label}: the file cannot be opened. It is damaged, or a part is missing.")


def _open_document(data: bytes, haul: Haul, words: Words, label: str) -> None:
    if label == "pdf":
        carried.take_behind_pdf(data, haul)
    if label == "tnef":
        haul.opened.append("tnef")
        tnef.open_tnef(data, haul)
    elif label == "one":
        haul.opened.append("onenote")
        onenote.open_onenote(data, haul)
    elif label == "rtf":
        haul.opened.append("rtf")
        rtf.open_rtf(data, haul)
    elif label == "pdf" and pdf.can_open():
        haul.opened.append("pdf")
        pdf.open_pdf(data, haul, words)
    elif label in {"ole", "msi"} and compound.can_open():
        _open_compound(data, haul, words)


def _open_compound(data: bytes, haul: Haul, words: Words) -> None:
    """Embedded files of a document or mail; the cabinets and programs of an installer."""
    if compound.is_installer(data):
        if sevenzip.can_open("msi"):
            sevenzip.open_archive(data, haul, words, "msi", only=sevenzip.ACTING)
        return
    haul.opened.append("ole")
    compound.open_compound(data, haul)


def _open_behind(data: bytes, haul: Haul, words: Words, label: str) -> None:
    """What stands behind a program: an archive or a script that the program unpacks, or programs in plain bytes."""
    if zips.has_zip_behind(data):
        haul.opened.append("zip")
        zips.open_zip(data, haul, words)
    elif autoit.begin_of(data) >= 0 and autoit.can_open():
        haul.opened.append("autoit")
        autoit.open_script(data, haul)
    elif frozen.is_frozen(data):
        haul.opened.append("pyinstaller")
        frozen.open_frozen(data, haul)
    elif bundles.is_bundle(data):
        haul.opened.append("dotnet")
        bundles.open_bundle(data, haul)
    elif not behind.open_behind(data, haul, words) and INNO_SETUP in data:
        _tell_unopened("inno setup", haul)
    if label == "pebin":
        droppers.take_programs(data, haul, behind=not haul.opened)


def _open_text(data: bytes, head: bytes, haul: Haul) -> None:
    data = without_false_mark(data)
    if data.startswith(WIDE_MARKS):  # as browsers, script hosts and programs for mails read the text
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
        head = data[:HEAD_BYTES]
    if MAIL_HEADER.match(head):
        haul.opened.append("mail")
        mail.open_mail(data, haul)
    elif mail.BETWEEN.match(head) and MAIL_HEADER.match(head.partition(b"\n")[2]):
        haul.opened.append("mailbox")
        mail.open_mailbox(data, haul)
    elif text_encodings.has_files(data):
        haul.opened.append("text")
        text_encodings.take_files(data, haul)
    else:
        smuggled.open_smuggled(data, haul)


def _open_compressed(data: bytes, sample: SampleFile, haul: Haul, label: str) -> None:
    """Open a file in one compressed stream; a compressed tar file is opened at once."""
    if plain.is_tar_within(data, label, haul):
        haul.opened += [label, "tar"]
        plain.open_tar(data, haul, label)
        return
    haul.opened.append(label)
    plain.open_stream(data, haul, label, _unpacked_name(sample))


def _unpacked_name(sample: SampleFile) -> str:
    """The name of the one file in a compressed file: the name without the ending."""
    name = str(sample.submission.get("fileName") or "content")
    path = ENDING.sub("", name)
    return path if path != name else f"{name}.unpacked"
