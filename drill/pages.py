"""Requests to pages that no browser would send, made from the routes of the pages: never an answer of 5xx.

Which request a number makes is settled by the number. The fields of a query are those of the structs of the page's module,
and the fields of a form are those of all forms.
"""

import http.client
import random
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from bench.ports import HOST

from drill.fuzz import (
    CLIENTS,
    HABITS,
    ODD_BODIES,
    ODD_SHARE,
    ODD_TEXTS,
    RENEWED,
    Seen,
    rows_of,
    things_that_are_there,
)
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.web import rendering
from samplebank.web.app import ROUTES

PATIENCE = 120.0
FORM = "application/x-www-form-urlencoded"
FIELDS = re.compile(r'\bname="(\w+)"')
#: texts that pages understand, besides the names of things
MEANT = (
    "", "0", "1", "25", "0x20", "samples", "jobs", "done", "csv", "json", "mill", "default", "amber", "red", "malicious",
    "type:gif", "score:>50 -name:a*", "created:>7d", "state:failed", "list:jobs", "47 49 46", "-sampleSize", "on", "dark",
)  # fmt: skip
#: queries that are no queries
BROKEN = (
    '"',
    "(",
    ")",
    "a:",
    ":a",
    "score:>",
    "score:>>5",
    "*",
    "-",
    "OR",
    "a OR",
    "(a",
    "a)",
    'name:"',
    "created:>",
    "sha256:xyz",
)
ODD_HEADERS = (
    {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Cookie": "samplebank=;;=;a"}, {"Cookie": 'samplebank="\\'},
    {"Accept-Encoding": "gzip"}, {"Accept": "application/json"}, {"Content-Type": "multipart/form-data"}, {"Referer": "x" * 3000},
    {"Content-Type": "multipart/form-data; boundary="}, {"Content-Type": "text/plain"}, {"Host": "a:b:c"}, {"Last-Event-ID": "x"},
)  # fmt: skip
#: pages that end the session of the visitor
ENDING = ("logout", "/end")


class Request(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]


class Visitor:
    """A browser that has signed in, on one kept-alive connection."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
        self._cookie = ""
        self.sign_in()

    def sign_in(self) -> None:
        _, head = self.send(Request("POST", "/login", urlencode({"key": self._key}).encode(), {}))
        self._cookie = str(head.get("Set-Cookie", "")).partition(";")[0]
        if not self._cookie:
            raise RuntimeError("The service let nobody in.")

    def send(self, request: Request) -> tuple[int, http.client.HTTPMessage]:
        """Send a request; answers (status, headers). Of a stream of events nothing is read but the beginning."""
        usual = {"Cookie": self._cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": FORM}
        given = {**usual, **request.headers}
        try:
            return self._ask(request, given)
        except (http.client.HTTPException, OSError):  # the service has closed the connection
            self._connection.close()
            return self._ask(request, given)

    def _ask(self, request: Request, headers: Mapping[str, str]) -> tuple[int, http.client.HTTPMessage]:
        self._connection.request(request.method, request.path, request.body, headers)
        answer = self._connection.getresponse()
        if "event-stream" in answer.getheader("Content-Type", ""):
            self._connection.close()
        else:
            answer.read()
        return answer.status, answer.headers

    def close(self) -> None:
        self._connection.close()


class Maker:
    """Makes requests from the routes; `known` are names of things that are there."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = {re.sub("ID$", "_id", name): value for name, value in known.items()}
        self._values = [*known.values(), *MEANT]
        self._routes = [
            (method, path, _fields_of_query(route))
            for route in ROUTES
            for path in sorted(route.paths)
            for method in sorted(route.http_methods)
        ]
        self._of_forms = fields_of_forms()

    def request(self, number: int) -> Request:
        chance = random.Random(number)  # noqa: S311 repeatable, not secret
        method, path, fields = self._routes[number % len(self._routes)]
        if chance.random() < ODD_SHARE / 2:
            method = chance.choice(HABITS)
        headers = dict(chance.choice(ODD_HEADERS)) if chance.random() < ODD_SHARE else {}
        return Request(method, self._path(chance, path, fields), self._body(chance, method), headers)

    def _path(self, chance: random.Random, path: str, fields: Sequence[str]) -> str:
        parts = []
        for part in path.split("/"):
            name = part.strip("{}").partition(":")[0]
            if part.startswith("{"):
                is_odd = chance.random() < ODD_SHARE
                name = "sha256" if name in {"a", "b"} else name
                part = self._value(chance) if is_odd else self._known.get(name, self._value(chance))  # noqa: PLW2901 the part
                part = quote(part[:2000], safe="", errors="replace") or "%20"  # noqa: PLW2901 the part
            parts.append(part)
        given = [(one, self._value(chance)) for one in fields if chance.random() < 0.6]  # noqa: PLR2004 most
        if chance.random() < ODD_SHARE / 3:
            given.append((chance.choice((*ODD_TEXTS[:5], "nonsense", *self._of_forms)), self._value(chance)))
        return "/".join(parts) + ("?" + urlencode(given, errors="replace") if given else "")

    def _body(self, chance: random.Random, method: str) -> bytes | None:
        if method in {"GET", "HEAD", "TRACE", "OPTIONS"} and chance.random() > ODD_SHARE / 3:
            return None
        if chance.random() < ODD_SHARE:
            return chance.choice((*ODD_BODIES, b"a=%ff&a", b"&&&===", b"key=" + b"x" * 100_000))
        names = [one for one in self._of_forms if chance.random() < 0.7]  # noqa: PLR2004 most
        return urlencode([(one, self._value(chance)) for one in names], errors="replace").encode()

    def _value(self, chance: random.Random) -> str:
        kind = chance.random()
        if kind < ODD_SHARE:
            return chance.choice(ODD_TEXTS)
        return chance.choice(BROKEN) if kind < 2 * ODD_SHARE else chance.choice(self._values)


def _fields_of_query(route: Any) -> list[str]:
    """The names of the fields of the queries that the page's module declares."""
    module = sys.modules[route.fn.__module__]
    structs = [one for name, one in vars(module).items() if name.endswith("Query")]
    return sorted({field.encode_name for one in structs for field in msgspec.structs.fields(one)})


def fields_of_forms() -> list[str]:
    """The names of the fields of all forms, by the templates of the pages."""
    templates = Path(str(rendering.__file__)).with_name("templates")
    return sorted(
        {name for one in templates.glob("*.html") for name in FIELDS.findall(one.read_text("utf-8"))}
    )


def send(visitor: Visitor, maker: Maker, seen: Seen, numbers: Sequence[int]) -> None:
    for number in numbers:
        request = maker.request(number)
        try:
            status, _ = visitor.send(request)
            if request.path.partition("?")[0].endswith(ENDING):
                visitor.sign_in()
        except (OSError, http.client.HTTPException) as error:
            status = 0
            print(f"  {error}", file=sys.stderr)
        seen.note(
            status,
            f"case {number}: {request.method} {request.path[:300]} {(request.body or b'')[:300]!r}: {status}",
        )


def run(folder: Path, rounds: int) -> Iterator[Row]:
    with installed(folder, SETTINGS) as service:
        service.start()
        seen, own = Seen(), threading.local()

        def visited(maker: Maker, numbers: Sequence[int]) -> None:
            if not hasattr(own, "visitor"):
                own.visitor = Visitor(service.port, service.key)
            send(own.visitor, maker, seen, numbers)

        with ThreadPoolExecutor(CLIENTS) as pool:
            for start in range(0, rounds, RENEWED):
                maker = Maker(things_that_are_there(service))
                numbers = range(start, min(start + RENEWED, rounds))
                shares = [numbers[n::CLIENTS] for n in range(CLIENTS)]
                list(pool.map(partial(visited, maker), shares))
        lives = service.is_ready()
    yield from rows_of("requests made from the routes of pages", rounds, seen, lives=lives)
