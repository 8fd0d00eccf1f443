"""A private service: `samplebank serve` on a free port, with a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import httpx

from samplebank.cli.connection import CREDENTIALS, Connection, read_credentials
from samplebank.errors import Unavailable

HOST: Final = "127.0.0.1"
START_LIMIT: Final = 60.0  # seconds
STOP_LIMIT: Final = 60.0  # work under way is given back first
PAUSE: Final = 0.1
LOG: Final = "serve.log"
ENDING: Final = (signal.SIGINT, signal.SIGTERM)


class LocalService(NamedTuple):
    connection: Connection
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running(
    folder: Path, *, keep: bool, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[LocalService]:
    """Serve from `folder` while the block runs. With `keep` the service outlives the block, unless the block fails.

    The service has these `settings` alone, and none of the environment or of a `samplebank.toml` in the current folder.
    """
    service: LocalService | None = None
    kept = False
    try:
        with undisturbed():
            service = _start(folder, settings)
        _wait_until_ready(service)
        login = read_credentials(folder / CREDENTIALS)
        yield LocalService(Connection(service.connection.url, login.admin.key), service.process, service.log)
        kept = keep
    finally:
        if service is not None and not kept:
            stop(service.process)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Obey Ctrl-C and SIGTERM at the end of the block only.

    A signal in the middle of a start would leave a process that nobody knows, and nobody stops. Call from the main thread.
    """
    came: list[int] = []
    usual = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start(folder: Path, settings: Mapping[str, str]) -> LocalService:
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program, in this environment
            [Path(sys.executable).with_name("samplebank"), "serve", "--host", HOST, "--port", str(port)],
            env={**inherited, **settings, "SAMPLEBANK_DATA_DIR": str(folder)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the command, which stops the service in order
        )
    return LocalService(Connection(f"http://{HOST}:{port}", ""), process, log)


def _wait_until_ready(service: LocalService) -> None:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and service.process.poll() is None:
        try:
            if httpx.get(f"{service.connection.url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(PAUSE)
    lines = service.log.read_text("utf-8", "replace").splitlines() or ["it said nothing."]
    raise Unavailable(f"The service did not start: {lines[-1].removeprefix('samplebank: ')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
