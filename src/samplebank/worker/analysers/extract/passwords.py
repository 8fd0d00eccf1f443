"""Words that may open an encrypted container: few, in a fixed order, and for a bounded time."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.contract import SampleFile

MOST_TRIES, SECONDS = 30, 20.0
MOST_GIVEN, LONGEST, LONGEST_NAME, SHORTEST = 20, 100, 300, 3
#: the option of the policy with the words of the site, one on a line
OPTION = "passwords"
META_DATA = "password"
#: passwords of packed malware, and the password of Office's read-only workbooks
USUAL = (
    "infected",
    "malware",
    "virus",
    "password",
    "1234",
    "VelvetSweatshop",
    "infected666i",
    "novirus",
    "123456",
)
#: `password` in the languages of mails
NAMES = (
    "password|passwort|kennwort|mot de passe|contraseña|clave|senha|wachtwoord|lösenord|passord|adgangskode|salasana|"
    "hasło|heslo|parola|пароль|pass code|passcode|pwd|pin"
)
#: in languages that write words without blanks
UNSPACED_NAMES = "密码|密碼|パスワード|비밀번호"
SAID = re.compile(
    rf"(?i)(?:\b(?:{NAMES})\b|(?:{UNSPACED_NAMES})[は는은为為是]?)\s*(?:is|ist|lautet|est|es|é|är|er|:|=|-|\u2013|\uff1a)*\s*[\"'“«<]?([^\s\"'”»<>]{{3,60}})"
)
#: `the password for the archive is 1234`: a few words between the name and the word
SAID_LATER = re.compile(
    rf"(?i)\b(?:{NAMES})\b[^\S\n][^\n.:=]{{1,60}}?(?:[:=\uff1a]|\b(?:is|ist|lautet|est|es|é|är|er)\b)\s*[\"'“«<]?([^\s\"'”»<>]{{3,60}})"
)

#: names that say something else besides: a colon, or the word for `is`, has to follow
SHORT_NAMES = (
    "pw|psw|pass|passwd|pass phrase|passphrase|pass key|passkey|"
    "(?:access|unlock|unlocking|opening|decryption) (?:code|key)|código de acceso|codigo de acceso|"
    "código de apertura|code d.accès|codice di accesso|código de acesso|zugangscode|zugriffscode|код доступа"
)
SAID_SHORTLY = re.compile(
    rf"(?i)\b(?:{SHORT_NAMES})\s{{0,3}}(?:[:=\uff1a]|\b(?:is|ist|lautet|est|es|è|é)\b)\s*[\"'“«<]?([^\s\"'”»<>]{{3,60}})"
)
#: `use 1234 as the password`
SAID_BEFORE = re.compile(
    rf"(?i)\b(?:use|enter|type|usa|verwenden sie|utilisez|utiliser)\s+[\"'“«<]?([^\s\"'”»<>]{{3,60}})[\"'”»>]?\s+"
    rf"(?:as|als|como|comme|come)\s+(?:\w{{1,12}}\s+){{0,2}}?(?:{NAMES})\b"
)

#: the name of a file that tells a password: `Setup_Pass_1234.7z`, `bill (password is 1234).zip`
IN_NAME = re.compile(
    rf"(?i)(?:^|[^a-z])(?:{NAMES}|{UNSPACED_NAMES}|pw|pass|passwd|passwort)(?:[ _:=.-]{{1,3}}(?:is|ist|es)?[ _:=-]{{0,3}}|(?<=[^a-z])is[ _])([^\s_()\[\]{{}}]{{3,40}})"
)
#: a file beside an archive with the password of the archive in its name or text
BESIDE, MOST_BESIDE_BYTES, MOST_LINES = (
    re.compile(rf"(?i)(?:^|[^a-z])(?:{NAMES}|{UNSPACED_NAMES}|pw|pass)(?:[^a-z]|$)"),
    4096,
    5,
)
#: a file name ends before its last dots
ENDINGS = re.compile(r"(?i)(?:\.(?=\d*[a-z])[a-z0-9]{1,5}){1,2}$")

PATTERNS = (SAID, SAID_LATER, SAID_SHORTLY, SAID_BEFORE)


def words_for(sample: SampleFile) -> list[str]:
    """The words to try: given with the submission, in the name of the file, of the site, the usual words. Each word once."""
    given = (sample.submission.get("metaData") or {}).get(META_DATA, "")
    site = sample.options.get(OPTION, "")
    name = str(sample.submission.get("fileName") or "")
    words = [*_lines(str(given)), *words_in_name(name), *_lines(site), *USUAL]
    return list(dict.fromkeys(words))[:MOST_TRIES]


def words_in(text: str) -> list[str]:
    """The words that a mail gives as passwords, such as `Password: 1234`. A word that is said plainly comes first."""
    part = text[: 256 * 1024]
    found = (
        word.rstrip(".,;)") for word in chain.from_iterable(pattern.findall(part) for pattern in PATTERNS)
    )
    return list(dict.fromkeys(word for word in found if word))[:MOST_GIVEN]


def words_in_name(path: str) -> list[str]:
    """The words that the name of a file gives as passwords."""
    name = path.replace("\\", "/").rpartition("/")[2][-LONGEST_NAME:]
    found = (word.strip(".,;-!'") for word in IN_NAME.findall(ENDINGS.sub("", name)))
    return list(dict.fromkeys(word for word in found if len(word) >= SHORTEST))[:MOST_GIVEN]


def words_beside(path: str, data: bytes) -> list[str]:
    """The words that a file gives for the archives beside the file, by its name and by its text: `PASSWORD.txt` with the line `1234`."""
    name = path.replace("\\", "/").rpartition("/")[2][-LONGEST_NAME:]
    if not BESIDE.search(ENDINGS.sub("", name)) or len(data) > MOST_BESIDE_BYTES:
        return []
    text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace")
    lines = [line for line in _lines(text)[:MOST_LINES] if " " not in line and line.isprintable()]
    return list(dict.fromkeys([*words_in_name(name), *words_in(text), *lines]))[:MOST_GIVEN]


def _lines(text: str) -> list[str]:
    return [line.strip()[:LONGEST] for line in text.splitlines() if line.strip()][:MOST_GIVEN]


class Words:
    """The words for one sample, with a bound on the time over all members. A word that fits is tried first.

    Each member is tried with each word: members that no word opens take no tries from other members.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(words)[:MOST_TRIES]
        self._allowance = Allowance(SECONDS)

    def hear(self, words: Iterable[str]) -> None:
        """Note words that the sample itself tells: these are tried first."""
        self._words = list(dict.fromkeys([*words, *self._words]))[:MOST_TRIES]

    @property
    def has_time(self) -> bool:
        return not self._allowance.is_over

    def to_try(self) -> Iterator[str]:
        """Words one after the other, as long as the time allows."""
        for word in list(self._words):
            if not self.has_time:
                return
            yield word

    def prefer(self, word: str) -> None:
        """Note a word that has opened something."""
        self._words.remove(word)
        self._words.insert(0, word)
