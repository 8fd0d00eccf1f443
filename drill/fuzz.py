"""Requests that nobody would write, made from the document that the service publishes: never an answer of 5xx.

Which request a number makes is settled by the number, so that one that failed can be sent again.
"""

import json
import random
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.service import Service

from drill.clients import Line
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.rehearsal.load import AGENT, V2

CLIENTS = 8
#: cases after which everything is made again, as some cases delete; and failed cases that are told
RENEWED = 400
SHOWN = 5
#: seconds until the file of all requests must be classified
CLASSIFIED = 60.0
#: methods of which every path gets some, and how often another one than the declared is taken
HABITS, HABIT_SHARE = ("OPTIONS", "HEAD", "GET", "DELETE", "PATCH", "PUT", "TRACE"), 0.25
#: how deep values are made, and how often a value is an odd one
DEPTH, ODD_SHARE = 4, 0.15
ODD_TEXTS = (
    "", " ", "\0", "a\0b", "\u202e", "\ud83d\ude00", "é" * 300, "x" * 20_000, "../../etc/passwd", "%", "%00", "%ff", "'; --",
    "now - 1 month", "now-999999999999y", "-1", "1e400", "NaN", "null", "*", "a|b", "{}", "[]", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e300)
ODD_BODIES = (
    b"", b"{", b"null", b"[]", b'""', b"0", b"\xff\xfe", b"{}" * 3, b'{"a": 1, "a": 2}', b"[" * 3000, b'{"limit": 1e3}',
    b'{"limit": ' + b"9" * 5000 + b"}", b'{"\\ud800": 1}', b"\0" * 100, b'{"a": "\\u0000"}', b"--x\r\nContent-Disposition: form-data\r\n",
)  # fmt: skip
ODD_HEADERS = (
    {"Content_Type": "text/plain"}, {"Content_Type": None}, {"Content_Type": "multipart/form-data; boundary=x"},
    {"Content_Encoding": "gzip"}, {"Accept": "text/html"}, {"Range": "bytes=5-2"}, {"Range": "bytes=0-"},
    {"If_None_Match": "*"}, {"Expect": "nothing"}, {"Argus_API_Key": "sb_wrong"}, {"Argus_API_Key": None},
    {"X_Request_ID": "x" * 5000}, {"Accept_Language": "xx-" * 100}, {"Cookie": "a=b;" * 300},
)  # fmt: skip


def run(folder: Path, rounds: int) -> Iterator[Row]:
    with installed(folder, SETTINGS) as service:
        service.start()
        document = json.loads(Line(service).ask("GET", "/openapi.json")[1])
        seen = Seen()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for start in range(0, rounds, RENEWED):
                maker = Maker(document, things_that_are_there(service))
                numbers = range(start, min(start + RENEWED, rounds))
                shares = [numbers[n::CLIENTS] for n in range(CLIENTS)]
                list(pool.map(partial(_send, service, maker, seen), shares))
        lives = service.is_ready()
    yield from rows_of("requests made from openapi.json", rounds, seen, lives=lives)


def rows_of(fault: str, rounds: int, seen: "Seen", *, lives: bool) -> Iterator[Row]:
    """The row of all answers. The first failed cases are printed."""
    failed = sum(number for status, number in seen.answers.items() if status >= 500 or not status)  # noqa: PLR2004
    told = ", ".join(f"{number:,} x {status or 'none'}" for status, number in sorted(seen.answers.items()))
    for case in seen.failed[:SHOWN]:
        print(f"  {case}", file=sys.stderr, flush=True)
    yield Row(fault, rounds, "0 x 5xx", told, lives and not failed)


class Seen:
    """The answers, and the cases with an answer of 5xx or without any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()
        self.failed: list[str] = []

    def note(self, status: int, case: str) -> None:
        with self._lock:
            self.answers[status] += 1
            if status >= 500 or not status:  # noqa: PLR2004 an HTTP status
                self.failed.append(case)


def _send(service: Service, maker: "Maker", seen: Seen, numbers: range) -> None:
    line = Line(service)
    for number in numbers:
        method, path, body, headers = maker.request(number)
        try:
            status, answer = line.ask(method, path, body, **headers)
        except OSError as error:
            status, answer = 0, str(error).encode()
        seen.note(
            status, f"case {number}: {method} {path[:200]} {(body or b'')[:200]!r}: {status} {answer[:200]!r}"
        )


class Maker:
    """Makes requests from the document; `known` are parameters of paths that lead to something."""

    def __init__(self, document: dict[str, Any], known: dict[str, str]) -> None:
        self._schemas = document["components"]["schemas"]
        self._operations = [
            (method.upper(), path, declared)
            for path, methods in sorted(document["paths"].items())
            for method, declared in sorted(methods.items())
            if isinstance(declared, dict) and "operationId" in declared
        ]
        self._known = known

    def request(self, number: int) -> tuple[str, str, bytes | None, dict[str, str | None]]:
        """(method, path, body, headers) of a case."""
        chance = random.Random(number)  # noqa: S311 repeatable, not secret
        method, path, declared = self._operations[number % len(self._operations)]
        if chance.random() < HABIT_SHARE:
            method = chance.choice(HABITS)
        headers = dict(chance.choice(ODD_HEADERS)) if chance.random() < ODD_SHARE else {}
        return method, self._path(chance, path, declared), self._body(chance, method, declared), headers

    def _path(self, chance: random.Random, path: str, declared: dict[str, Any]) -> str:
        asked = []
        for parameter in declared.get("parameters", ()):
            name, is_odd = parameter["name"], chance.random() < ODD_SHARE
            if parameter["in"] == "path":
                known = self._known.get(name)
                value = known if known and not is_odd else self._text(chance, parameter.get("schema", {}))
                path = path.replace("{" + name + "}", quote(value, safe="", errors="replace") or "%20")
            elif parameter["in"] == "query" and chance.random() < 0.5:  # noqa: PLR2004 one half
                asked.append(
                    f"{name}={quote(self._text(chance, parameter.get('schema', {})), safe='', errors='replace')}"
                )
        return path + ("?" + "&".join(asked) if asked else "")

    def _text(self, chance: random.Random, schema: dict[str, Any]) -> str:
        value = self._value(chance, schema, DEPTH)
        return value if isinstance(value, str) else json.dumps(value)

    def _body(self, chance: random.Random, method: str, declared: dict[str, Any]) -> bytes | None:
        content = declared.get("requestBody", {}).get("content", {})
        if method in {"GET", "HEAD", "TRACE", "OPTIONS"} and chance.random() > ODD_SHARE:
            return None
        if chance.random() < ODD_SHARE:
            return chance.choice(ODD_BODIES)
        if "application/json" not in content:
            return chance.randbytes(chance.choice((0, 1, 100, 5000))) if content else None
        value = self._value(chance, content["application/json"].get("schema", {}), DEPTH)
        if isinstance(value, dict) and "waitSeconds" in value:
            value["waitSeconds"] = 0  # here nobody has time to wait for work
        return json.dumps(value).encode()

    def _value(self, chance: random.Random, schema: Any, depth: int) -> Any:
        """A value of the schema, or an odd value."""
        if not isinstance(schema, dict) or chance.random() < ODD_SHARE:
            return self._odd(chance)
        if "$ref" in schema:
            return self._value(chance, self._schemas[schema["$ref"].rsplit("/", 1)[1]], depth)
        for choice in ("anyOf", "oneOf", "enum"):
            if choice in schema:
                one = chance.choice(schema[choice])
                return one if choice == "enum" else self._value(chance, one, depth)
        return self._of_type(chance, schema, depth)

    def _of_type(self, chance: random.Random, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = chance.choice(kind)
        if kind == "object" or "properties" in schema:
            return self._object(chance, schema, depth)
        if kind == "array":
            number = chance.choice((0, 1, 2, 5)) if depth > 0 else 0
            return [self._value(chance, schema.get("items", {}), depth - 1) for _ in range(number)]
        if kind in {"integer", "number"}:
            return chance.choice(
                (schema.get("minimum", 0), schema.get("maximum", 100), chance.randint(0, 10**6))
            )
        if kind == "boolean":
            return chance.random() < 0.5  # noqa: PLR2004 one half
        if kind == "string":
            return chance.choice((*self._known.values(), "a", "abc", "amber", chance.randbytes(32).hex()))
        return self._odd(chance)

    def _object(self, chance: random.Random, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        needed, made = schema.get("required", ()), {}
        for name, property_ in schema.get("properties", {}).items():
            is_wanted = name in needed and chance.random() > ODD_SHARE / 5
            if is_wanted or (depth > 0 and chance.random() < 0.3):  # noqa: PLR2004 few of many
                made[name] = self._value(chance, property_, depth - 1)
        if chance.random() < ODD_SHARE / 3:
            made[chance.choice(ODD_TEXTS)] = self._odd(chance)
        return made

    def _odd(self, chance: random.Random) -> Any:
        return chance.choice(
            (
                None, True, [], {}, [[[[]]]], {"a": {"b": None}}, chance.choice(ODD_TEXTS), chance.choice(ODD_TEXTS),
                chance.choice(ODD_NUMBERS), [chance.choice(ODD_TEXTS)] * 3, *self._known.values(),
            )
        )  # fmt: skip


def _await_type(line: Line, sample: str) -> None:
    """The classifier starts with the service. Until then a client who asks for a classification is told to wait."""
    end = time.monotonic() + CLASSIFIED
    while time.monotonic() < end:
        if line.ask_json("GET", f"{sample}/classification")[1]["data"]:
            return
        time.sleep(0.1)


def things_that_are_there(service: Service) -> dict[str, str]:
    """Parameters of paths that lead to something."""
    line, content = Line(service), secrets.token_bytes(5000)
    digest, submitted = line.store(content, "a.txt")
    sample = f"{V2}/sample/{digest}"
    found = {
        "sha256": digest,
        "submissionID": submitted["data"]["id"],
        "idOrShortName": "static",
        "fileName": "a.txt",
    }
    _await_type(line, sample)
    (job,) = line.ask_json("POST", f"{V2}/job/search", {"sampleSha256": [digest]})[1]["data"]
    (task, *_) = line.ask_json("GET", f"{V2}/job/{job['id']}/tasks")[1]["data"]
    result = {
        "analysisResult": {}, "analysisScore": 1, "customer": "default", "tlp": "amber", "userAgent": AGENT,
    }  # fmt: skip
    status, answer = line.ask_json("POST", f"{sample}/analysis", result)
    if status < 300:  # noqa: PLR2004 an HTTP status
        found["analysisID"] = answer["data"]["analysisID"]
    return {**found, "jobID": job["id"], "taskID": task["id"]}
