"""The program as its users start it, and a service that answers what a test has written down."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLEBANK = Path(sys.executable).with_name("samplebank")


def code_of_the_docs(name: str) -> str:
    """Give the example that docs/workers.md shows under this file name."""
    text = (ROOT / "docs/workers.md").read_text("utf-8")
    return str(re.findall(rf"```python\n(# {re.escape(name)}\n.*?)```", text, re.DOTALL)[0])


@dataclass
class Ended:
    status: int
    out: str
    complaints: list[str]


@dataclass
class Program:
    """`samplebank` in an environment of its own."""

    environment: dict[str, str]

    def run(self, *arguments: str | Path, **settings: str) -> Ended:
        done = subprocess.run(
            [SAMPLEBANK, *arguments],
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr.splitlines())

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [SAMPLEBANK, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass
class Said:
    """One answer of the staged service. Status 0 breaks the connection instead."""

    status: int
    body: object = None

    @property
    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Heard:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Staged:
    """A service that gives the answer set for a path, else its answers one after the other, and the last one for ever."""

    url: str
    answers: list[Said] = field(default_factory=list)
    at: dict[str, Said] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    def says(self, *answers: Said) -> None:
        self.answers = list(answers)

    def answer(self, request: Heard) -> Said:
        self.heard.append(request)
        here = self.at.get(request.path.partition("?")[0])
        return here or (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


class StagedServer(ThreadingHTTPServer):
    staged: Staged


class StagedHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StagedServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.server.staged.answer(Heard(self.command, self.path, dict(self.headers), body))
        if answer.status == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.encoded)))
        self.end_headers()
        self.wfile.write(answer.encoded)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by its base
        pass


def envelope(data: object) -> dict[str, object]:
    return {"responseCode": 200, "data": data, "count": 0, "messages": []}


def refusal(*messages: tuple[str, str | None]) -> dict[str, object]:
    return {"data": None, "messages": [{"message": text, "field": name} for text, name in messages]}


def sequence_of_paths(heard: Sequence[Heard]) -> list[str]:
    return [f"{request.method} {request.path}" for request in heard]
