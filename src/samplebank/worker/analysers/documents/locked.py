"""Encrypted documents: tells how they are encrypted, and opens them by the words that are known. Needs msoffcrypto-tool."""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.analysers.documents import keys
from samplebank.worker.analysers.documents.damage import BROKEN
from samplebank.worker.analysers.documents.report import MIB, Report
from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.extract.passwords import USUAL, words_for
from samplebank.worker.contract import Child, SampleFile

msoffcrypto = installed("msoffcrypto")
agile = installed("msoffcrypto.method.ecma376_agile")
standard = installed("msoffcrypto.method.ecma376_standard")

#: the word that Office itself tries: a workbook under it opens without a question
OF_OFFICE = "VelvetSweatshop"
OF_SLIDES = "/01Hannes Ruescher/01"
#: the usual words that people lock documents with, and not only archives of samples
OF_PEOPLE = ("infected", "password", "1234", "123456")
MOST_TRIES, SECONDS = 30, 6.0
#: rounds of the key of all tries together: a file says how many rounds a try takes. The usual words get fewer
MOST_ROUNDS, MOST_ROUNDS_OF_USUAL = 1_500_000, 500_000
ROUNDS = re.compile(rb'spinCount\s*=\s*["\'](\d{1,12})["\']')
FEWEST_ROUNDS = 1000
MOST_DECRYPTED = 96 * MIB
LATE = "over the limit of tries of passwords"
UNNAMED = "document"
#: the size and the first block of an encrypted package, and how the package begins
HEAD_BYTES, PACKAGE = 24, b"PK"


def warm_up() -> None:
    """Decrypt something, once: the first use loads what all uses need."""
    keys.kept()
    if agile is not None:
        agile.ECMA376Agile.decrypt(bytes(16), b"", "SHA1", io.BytesIO(bytes(HEAD_BYTES)))


def note_encryption(report: Report, method: str) -> None:
    """Note that the document, or a part of the document, is encrypted and stays closed."""
    report.encryption = {"isEncrypted": True, "isOpened": False, "method": method}


def words_to_try(sample: SampleFile, of_office: str = OF_OFFICE) -> list[str]:
    """The words that came with the submission first, then the word of Office, then the usual words of people, then all."""
    words = [word for word in words_for(sample) if word != of_office]
    given = [word for word in words if word not in USUAL]
    return list(dict.fromkeys([*given, of_office, *OF_PEOPLE, *words]))[:MOST_TRIES]


def open_office(data: bytes, information: bytes, sample: SampleFile, report: Report, method: str) -> None:
    """Open a document of Office. The opened document is a child."""
    note_encryption(report, method)
    if msoffcrypto is None:
        return
    office = report.part("encryption", lambda: msoffcrypto.OfficeFile(io.BytesIO(data)))
    if office is None:
        return
    found = ROUNDS.search(information)
    rounds = max(int(found[1]) if found else 0, FEWEST_ROUNDS)
    words = words_to_try(sample, OF_SLIDES if method == "ppt" else OF_OFFICE)
    for word in _affordable(words, rounds, report):
        content = _opened(office, word)
        if content is not None:
            keep_opened(content, word, sample, report)
            return


def _affordable(words: list[str], rounds: int, report: Report) -> Iterator[str]:
    """The words, as long as the bounds on rounds and time allow."""
    allowance = Allowance(SECONDS)
    for number, word in enumerate(words, 1):
        most = MOST_ROUNDS_OF_USUAL if word in USUAL else MOST_ROUNDS
        if number * rounds > most or allowance.is_over:
            report.limits.setdefault(LATE)
            return
        yield word


def _opened(office: Any, word: str) -> bytes | None:
    """The document, if the word opens the document."""
    target = io.BytesIO()
    with suppress(*BROKEN):  # the library tells a wrong word by many errors
        if not _fits(office, word):
            return None
        office.decrypt(target)
        return target.getvalue() or None
    return None


def _fits(office: Any, word: str) -> bool:
    """Whether a word fits. Raises what the library raises for a wrong word.

    The check of the library fails for keys by SHA-1, and takes each key twice. So the first bytes are decrypted instead.
    """
    if office.format != "ooxml":
        office.load_key(password=word)
    elif office.type == "standard":
        key = keys.standard_key(office.info, word)
        told = office.info["verifier"]
        office.load_key(secret_key=key)
        return bool(
            standard.ECMA376Standard.verifykey(key, told["encryptedVerifier"], told["encryptedVerifierHash"])
        )
    elif office.type == "agile":
        office.load_key(secret_key=keys.agile_key(office.info, word))
        with office.file.openstream("EncryptedPackage") as stream:
            head = io.BytesIO(stream.read(HEAD_BYTES))
        told = office.info
        found: bytes = agile.ECMA376Agile.decrypt(
            office.secret_key, told["keyDataSalt"], told["keyDataHashAlgorithm"], head
        )
        return found.startswith(PACKAGE)
    return True


def keep_opened(content: bytes, word: str, sample: SampleFile, report: Report) -> None:
    """Note the word, and keep the opened document as a child."""
    method = (report.encryption or {}).get("method", "")
    report.encryption = {"isEncrypted": True, "isOpened": True, "method": method, "password": word}
    report.find("encrypted-opened", "", word)
    if len(content) > MOST_DECRYPTED:
        report.limits.setdefault("the opened document is larger than a child may be")
        return
    name = str(sample.submission.get("fileName") or UNNAMED)
    report.children.append(Child(name=f"{name}/opened", data=content, how="decrypted", password=word))
