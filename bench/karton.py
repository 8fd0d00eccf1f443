"""A real Karton: Redis, `karton-system` and services of others, each a process of its own that can be killed and started again."""

import configparser
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import redis

from bench.seaweed import BUCKET, KEY, SECRET, S3Server
from bench.service import Service

ROOT: Final = Path(__file__).parent.parent
START_SECONDS: Final = 30.0
#: the program of each service, and its arguments
SERVICES: Final = {
    "system": ("karton-system", "--setup-bucket"),
    "classifier": ("karton-classifier",),
    "archive-extractor": ("karton-archive-extractor",),
    "asciimagic": ("karton-asciimagic",),
    "yaramatcher": ("karton-yaramatcher", "--rules", "rules"),
}
#: a rule that takes every ELF program
RULES: Final = "rule elf_program { strings: $magic = { 7f 45 4c 46 } condition: $magic at 0 }\n"


def program(name: str) -> str:
    """What `scripts/program` finds or installs."""
    done = subprocess.run([ROOT / "scripts" / "program", name], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class Redis:
    """A Redis that keeps each change before it answers, as far as the machine does not lose power."""

    def __init__(self, folder: Path, free_port: Callable[[], int]) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Redis":
        self.folder.mkdir(exist_ok=True)
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        keeping = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("redis-server"), *options, *keeping], stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > end:
                raise RuntimeError(f"Redis did not start: {self.folder / 'redis.log'}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        """Whether Redis has its data in memory, and answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)


class Karton:
    """A Karton in a folder. `other` are more services: the words of a command that runs in the folder."""

    def __init__(
        self, folder: Path, free_port: Callable[[], int], s3: S3Server, *, grace: float = 1.0
    ) -> None:
        self.folder = folder
        self.s3 = s3
        self.redis = Redis(folder / "redis", free_port)
        self.config = folder / "karton.ini"
        self._grace = grace
        self._programs = Path(program("karton"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.commands: dict[str, Sequence[str]] = {
            name: (str(self._programs / command[0]), *command[1:]) for name, command in SERVICES.items()
        }

    @property
    def python(self) -> str:
        return str(self._programs / "python")

    def start(self, *names: str) -> "Karton":
        """Start Redis and services, and wait until the services are bound."""
        self.redis.start()
        rules = self.folder / "rules"
        rules.mkdir(exist_ok=True)
        (rules / "elf.yar").write_text(RULES)
        self._write_config()
        for name in names or SERVICES:
            self.launch(name)
        self._await_binds(len(names or SERVICES) - 1)  # the router is bound to nothing
        return self

    def _await_binds(self, number: int) -> None:
        end = time.monotonic() + START_SECONDS
        with redis.Redis(port=self.redis.port) as client:
            while client.hlen("karton.binds") < number:
                if time.monotonic() > end:
                    raise RuntimeError(f"Services of Karton did not start: see the logs in {self.folder}")
                time.sleep(0.05)

    def _write_config(self) -> None:
        parser = configparser.ConfigParser()
        parser["s3"] = {"address": self.s3.url, "access_key": KEY, "secret_key": SECRET, "bucket": BUCKET}
        parser["redis"] = {"host": "127.0.0.1", "port": str(self.redis.port)}
        parser["samplebank"] = {"grace": str(self._grace)}
        with self.config.open("w") as file:
            parser.write(file)

    def launch(self, name: str) -> None:
        """Start a service, and do not wait."""
        environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self.commands[name], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def keep_alive(self) -> None:
        """Start again what has ended, as a supervisor does."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                self.launch(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        self._running[name].send_signal(number)
        self._running[name].wait(30)

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)
        self._running.clear()
        self.redis.kill()


class Bridge:
    """`samplebank karton` as a process."""

    def __init__(self, folder: Path, service: Service, karton: Karton) -> None:
        self.log = folder / "bridge.log"
        self._command = [sys.executable, "-m", "samplebank.cli", "karton", "--config", str(karton.config)]
        given = {
            "SAMPLEBANK_URL": service.url,
            "SAMPLEBANK_KEY": service.key,
            "SAMPLEBANK_DATA_DIR": str(folder),
        }
        self._environment = {**os.environ, **given}
        subprocess.run(
            [*self._command, "--register"], env=self._environment, check=True, stdout=subprocess.DEVNULL
        )
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
