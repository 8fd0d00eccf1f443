"""What a service shares with no other service: the address, and the folder of its figures."""

import errno
import hashlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samplebank.errors import Conflict, Invalid
from samplebank.settings import Settings

#: seconds for web processes of a killed service to let go of the address, and seconds between looks
PATIENCE, POLL = 15.0, 0.1
#: bytes of the name of a socket, from unix(7)
LONGEST = 107


@contextmanager
def taken(own: Settings) -> Iterator[Path]:
    """Hold the address for as long as the block lasts. Yields the folder of figures.

    Raises `Conflict` and `Invalid` with one line when the address cannot be had.
    """
    metrics = own.folder / "metrics" / f"{own.host}-{own.port}".replace(":", "_")
    with _alone_at(own):
        # The folder is removed in the end, unless the service was killed. Then web processes may still be ending.
        _await_port(own, PATIENCE if metrics.exists() else 0.0)
        try:
            shutil.rmtree(metrics, ignore_errors=True)
            metrics.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Invalid(f"{metrics} cannot be made: {error.strerror}.") from error
        try:
            yield metrics
        finally:
            shutil.rmtree(metrics, ignore_errors=True)


@contextmanager
def _alone_at(own: Settings) -> Iterator[None]:
    """Hold a name for the address, so that no other service takes the same address.

    Web processes share their port. So the kernel would let the web processes of two services share the port, too.
    The name is an abstract socket, not a file: the name goes with the process, and reaches as far as the port does.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        try:
            held.bind(_name_of(own))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise Conflict(
                f"Another `samplebank serve` has {own.host}:{own.port} already. "
                "Stop it, or give another port with --port or SAMPLEBANK_PORT.",
            ) from error
        # Web processes are forks. A web process that outlives a killed service for a moment must not hold the name.
        os.register_at_fork(after_in_child=held.close)
        yield


def _name_of(own: Settings) -> str:
    """The name for the address. A host name may be longer than the kernel lets a name be."""
    name = f"\0samplebank serve {own.host} {own.port}"
    is_short = len(name.encode()) <= LONGEST
    return name if is_short else f"\0samplebank serve {hashlib.sha256(name.encode()).hexdigest()}"


def _await_port(own: Settings, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            _try_port(own)
        except OSError as error:
            if time.monotonic() < end and error.errno == errno.EADDRINUSE:
                time.sleep(POLL)
                continue
            raise _not_listened(own, error.strerror or str(error)) from error
        except (TypeError, ValueError) as error:  # a text that is the name of no host
            raise _not_listened(own, str(error)) from error
        return


def _not_listened(own: Settings, why: str) -> Invalid:
    return Invalid(
        f"{own.host}:{own.port} cannot be listened on: {why}. "
        "Give another one with --host and --port, or SAMPLEBANK_HOST and SAMPLEBANK_PORT."
    )


def address_of(host: str) -> str:
    """The address in digits of a host, which may have a name such as `localhost`. Raises `OSError` for an unknown name."""
    return host if ":" in host else socket.gethostbyname(host)


def _try_port(own: Settings) -> None:
    family = socket.AF_INET6 if ":" in own.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((own.host, own.port))
