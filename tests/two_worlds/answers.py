"""Answers of both worlds to the same question, without what differs by nature."""

import base64
import binascii
import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import pyzipper
import requests

from two_worlds.questions import Question
from two_worlds.worlds import ADDRESS, World, Worlds

#: headers that differ by nature: the time of the answer, a random id for the log, and the end of the connection, which depends on
#: whether a body came before its refusal
BY_NATURE: Final = {"date", "x-request-id", "connection"}
UUID: Final = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: parts of bodies that differ by nature: of an operation, or of each
PARTS: Final = (
    # the milliseconds that a page took
    ("", re.compile(rb"(<span>\d+ statements?, )\d+ ms"), rb"\1"),
    # the time at which a page was drawn
    ("", re.compile(rb'( data-now=")\d+'), rb"\1"),
    # how long ago a moment was. The moment stands beside it, and is compared.
    ("", re.compile(rb"(<time [^>]*>)[^<]*"), rb"\1"),
    # the time of the question, less so many days
    ("listFailures", re.compile(rb'("sinceTimestamp":)\d+'), rb"\1"),
    ("showFailures", re.compile(rb"(tasks? since )<time [^>]*>"), rb"\1"),
    # the queries of Today end at the question, or an hour before
    ("showToday", re.compile(rb'(seen%3A[^"]*?\.\.)[^"]*'), rb"\1"),
    # when the session of the visitor was used last: at the question
    ("showAccount", re.compile(rb'datetime="[^"]*" title="[^"]*"'), b""),
    # the scale of the jobs of a sample ends now, where a job is under way; the moments stand beside it, and are compared
    ("showSample", re.compile(rb'(<p class="axis"><span>.*?</span><span>)<time [^>]*>'), rb"\1"),
    ("showSample", re.compile(rb'(<rect [^>]*x=")[\d.]+'), rb"\1"),
    ("showSample", re.compile(rb'(<rect [^>]*width=")[\d.]+'), rb"\1"),
    # a form has a random key, so that a form that is sent twice does once what the form says; and a batch a random id
    ("", re.compile(rb'(name="key" value=")[^"]*'), rb"\1"),
    ("showSubmit", re.compile(rb'(data-batch="|name="batch" value="|batch:)' + UUID), rb"\1"),
    # each world has downloads of its own, asked by the same questions, with own ids and times
    (
        "readFeed",
        re.compile(
            rb'("specversion":"1.0","id":")[0-9a-f]{32}("[^{}]*"samplebank.audit.recorded"[^{}]*"time":")[^"]*'
        ),
        rb"\1\2",
    ),
    ("readFeed", re.compile(rb'("(?:auditID|requestID)":")[^"]*'), rb"\1"),
    # each world asks for another range of the bytes
    ("getUploadChallenge", re.compile(rb'("offset":)\d+(,"length":)\d+'), rb"\1\2"),
    # cursors of the feed are sealed, each with other random bytes
    ("readFeed", re.compile(rb'("(?:next|cursor)":"|id: )[\w-]{84}'), rb"\1"),
)
#: what each world makes by itself: ids, also those of events, times as numbers, as seconds of figures and as texts, and durations
MADE: Final = re.compile(
    UUID
    + rb'|(?<="specversion":"1.0","id":")[0-9a-f]{32}|\b1[789]\d{11}\b|\b1\.[789]\d*e\+09\b|\b20\d\d-\d\d-\d\dT[\d:.]+Z'
    + rb"|\b\d+(?:\.\d+)? (?:ms|s|min)\b"
)
#: how long the tasks took that each world has ended by itself, as numbers. How many ended is compared.
TOOK: Final = {"listLines": re.compile(rb'"(?:mean|p50|p95|tasksAtWork)":[\d.]+')}
PASSWORD: Final = b"infected"
#: the sealed number of a sample in an opened cursor
SEALED: Final = re.compile(rb'"[\w-]{32}"(?=\]\])')
#: where an answer says how to read on
CURSOR: Final = re.compile(rb'"next":"([\w=-]+)"|[?;]after=([\w=%-]+)')
#: how often both worlds are asked before a difference counts: a busy machine runs out of a time for counting now and then
ASKED: Final = 5
#: seconds without a byte after which a stream has told what there was to tell
QUIET: Final = 0.3
STATEMENT: Final = re.compile(rb"^@@ LOG:  (?:execute [^:]*|statement): (.*)", re.MULTILINE)
#: statements that a process of the service makes by itself, or once on a connection
BY_ITSELF: Final = (
    b"typeinfo_tree",
    b"accounts_version",
    b"set_config('jit'",
    b"pg_snapshot_xmin",
    b"INTO audit",
)
#: the paths that keys open; browsers ask for all others
OF_KEYS: Final = ("/sampledb/", "/samplebank/", "/authentication/")


class Answer(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: int

    @property
    def cursor(self) -> str | None:
        """Where the answer says how to read on."""
        found = CURSOR.search(self.body)
        return None if found is None else (found[1] or found[2]).decode()


class Caller:
    """Asks a world as a user. `known`: ids that both worlds share, where both have since made things of their own."""

    def __init__(self, world: World, user: str | None, known: frozenset[bytes] | None) -> None:
        self._world = world
        self._user = user
        self._known = known
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()

    def ask(self, question: Question) -> Answer:
        log = self._world.statements
        began = log.stat().st_size
        response = self._session.request(
            question.method,
            self._world.bank.url + question.path,
            headers=self._headers(question),
            data=question.body,
            allow_redirects=False,
            timeout=60,
            stream=True,
        )
        # A stream reads on for as long as the stream is open, together with other readers: how often depends on the moment.
        begun = log.stat().st_size if _is_stream(response) else None
        body = _read(response)
        with log.open("rb") as file:
            file.seek(began)
            statements = STATEMENT.findall(file.read(None if begun is None else begun - began))
        asked = [one for one in statements if not any(own in one for own in BY_ITSELF)]
        told = _by_nature(question, body)
        headers = _compared(response, body)
        if self._known is not None:
            told = _without_new(_without_times(question, told), self._known)
            headers = tuple(
                (name, _without_new(value.encode(), self._known).decode()) for name, value in headers
            )
        return Answer(response.status_code, headers, told, len(asked))

    def close(self) -> None:
        self._session.close()

    def _headers(self, question: Question) -> dict[str, str]:
        headers = {"Host": ADDRESS.rpartition("/")[2], "Accept-Encoding": "identity"}
        if question.body is not None:
            headers["Content-Type"] = question.kind
        if not question.path.startswith(OF_KEYS):
            headers |= {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if question.accepts:
            headers["Accept"] = question.accepts
        if self._user is None:
            return headers
        if question.path.startswith(OF_KEYS):
            return headers | {"Argus-API-Key": self._world.bank.keys[self._user]}
        return headers | {"Cookie": self._world.cookies[self._user]}


def _is_stream(response: requests.Response) -> bool:
    return "text/event-stream" in response.headers.get("Content-Type", "")


def _read(response: requests.Response) -> bytes:
    """The body; of a stream of events, what comes at once."""
    if not _is_stream(response):
        return response.content
    told = b""
    with response:
        connection: Any = response.raw.connection
        connection.sock.settimeout(QUIET)
        try:
            for piece in response.iter_content(None):
                told += piece
        except requests.ConnectionError:
            return told
    return told


def _compared(response: requests.Response, body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers that are compared. A length that fits the body tells nothing beside the body."""
    fitting = ("content-length", str(len(body)))
    headers = [(name.lower(), value) for name, value in response.headers.items()]
    return tuple(one for one in headers if one[0] not in BY_NATURE and one != fitting)


def _by_nature(question: Question, body: bytes) -> bytes:
    """The body without what differs by nature. Of an encrypted archive, whose salt is random, the content."""
    if body.startswith(b"PK"):
        with pyzipper.AESZipFile(io.BytesIO(body)) as archive:
            archive.setpassword(PASSWORD)
            return b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    for operation, part, instead in PARTS:
        if operation in {"", question.operation}:
            body = part.sub(instead, body)
    return body


def _without_times(question: Question, body: bytes) -> bytes:
    """The body without the times that tasks of each world took."""
    took = TOOK.get(question.operation)
    return body if took is None else took.sub(b"(took)", body)


def _without_new(body: bytes, known: frozenset[bytes]) -> bytes:
    """The body without ids and times that each world has made by itself. Numbers of other kinds are compared."""

    def shared(found: re.Match[bytes]) -> bytes:
        return found[0] if found[0] in known else b"(new)"

    return MADE.sub(shared, CURSOR.sub(_opened, body))


def _opened(found: re.Match[bytes]) -> bytes:
    """A cursor as the text that the cursor hides: ids and times of a row stand in the text, and numbers sealed."""
    hidden = unquote((found[1] or found[2]).decode())
    try:
        return SEALED.sub(b"(sealed)", base64.urlsafe_b64decode(hidden))
    except binascii.Error:
        return found[0]


#: what SampleDB v2 tells, as docs/security.md lists: a rule for customers of others is refused, and a rule that is not there is
#: missing, to callers who know the id
ABOUT_RULES: Final = {"getAnalysisPolicyRule", "updateAnalysisRule", "deleteAnalysisRule"}
MISSING, REFUSED = 404, 403


class Difference(NamedTuple):
    user: str | None
    question: Question
    plain: Answer
    full: Answer

    @property
    def is_listed(self) -> bool:
        operation, told = self.question.operation, self.full.status
        return operation in ABOUT_RULES and (self.plain.status, told) == (MISSING, REFUSED)

    def __str__(self) -> str:
        return f"{self.user} {self.question}\n" + "\n".join(_told(self.plain, self.full))


class Pair:
    """A user in both worlds. `asked` are the questions so far."""

    def __init__(self, worlds: Worlds, user: str | None, *, go_on: bool = False) -> None:
        self.user = user
        self.asked = 0
        known = frozenset(one.encode() for names in worlds.names.pools().values() for one in names)
        self._callers = [Caller(world, user, known if go_on else None) for world in worlds.both]
        self._beside = ThreadPoolExecutor(1)

    def change(self, question: Question) -> tuple[Answer, Difference | None]:
        """Ask both worlds once for a change. Another attempt would be another change."""
        plain, full = self._ask_both(question)
        same = plain._replace(statements=full.statements) == full
        return plain, None if same else Difference(self.user, question, plain, full)

    def ask(self, question: Question) -> tuple[Answer, Difference | None]:
        """An answer of the plain world, and the difference to the other where there is one."""
        self.asked += 1
        given: list[set[Answer]] = [set(), set()]
        for _ in range(ASKED):
            answers = self._ask_both(question)
            for one, answer in zip(given, answers, strict=True):
                one.add(answer)
            if given[0] & given[1]:
                return answers[0], None
        return answers[0], Difference(self.user, question, *answers)

    def close(self) -> None:
        self._beside.shutdown()
        for caller in self._callers:
            caller.close()

    def _ask_both(self, question: Question) -> tuple[Answer, Answer]:
        """Ask both worlds at the same time: some answers come after seconds."""
        plain, full = self._callers
        other = self._beside.submit(full.ask, question)
        return plain.ask(question), other.result()


def _told(plain: Answer, full: Answer) -> list[str]:
    """What differs, in lines."""
    lines = [
        f"  {name}: {getattr(plain, name)} and {getattr(full, name)}"
        for name in ("status", "headers", "statements")
        if getattr(plain, name) != getattr(full, name)
    ]
    if plain.body != full.body:
        pairs = enumerate(zip(plain.body, full.body, strict=False))
        shorter = min(len(plain.body), len(full.body))
        place = next((place for place, (one, other) in pairs if one != other), shorter)
        start = max(0, place - 150)
        lines += [f"  body: …{body[start : place + 250]!r}" for body in (plain.body, full.body)]
    return lines
