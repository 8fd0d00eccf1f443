"""A RabbitMQ of a test's own, with names, ports and folders that no other RabbitMQ of the machine has."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel

from kit.bank import Sample
from kit.brokers import ID, PLACE, BrokerServer
from kit.browser import program
from kit.certificates import Certificates, make_certificates
from kit.service import free_port
from kit.wire import Wire

QUEUE, EXCHANGE, KEYS = "events", "amq.topic", "samplebank.#"
#: bytes of the largest message for the server
MOST = 65_536
EPMD_UP, UP = "epmd running", "completed with"


class RabbitServer(BrokerServer):
    """What the queue has, and what the server is told."""

    name = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        self._port, self._names, secret = free_port(), free_port(), free_port()
        self._wire = Wire(self._port)
        self.url = f"amqp://127.0.0.1:{self._wire.port}"
        #: the same by TLS, with a certificate that the system does not trust
        self.secret_url = f"amqps://127.0.0.1:{secret}"
        self.certificates = make_certificates(folder)
        _configure(folder / "rabbitmq.conf", secret, self.certificates)
        self._environment = _environment(folder, self._port, self._names)
        #: what was taken from the queue
        self._taken: list[dict[str, Any]] = []
        self._processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        # Erlang needs a server of names. The server of RabbitMQ would leave such a server running.
        self._run(EPMD_UP, [program("epmd"), "-d", "-address", "127.0.0.1", "-port", str(self._names)])
        self._run(UP, [program("rabbitmq")])

    def _run(self, up: str, command: list[str]) -> None:
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        assert process.stdout is not None
        said = line = ""
        while up not in line:
            line = process.stdout.readline()
            said += line
            assert line, f"{command[0]} has ended: {said}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut the wire to the server: a further start takes four seconds of a processor."""
        with self._wire.cut():
            yield

    def kill(self) -> None:
        self._wire.close()
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.communicate()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        connection = await aiormq.connect(self.url)
        try:
            yield await connection.channel()
        finally:
            await connection.close()

    async def set_queue(self) -> None:
        """Make the queue that takes all events."""
        async with self.channel() as channel:
            await channel.queue_declare(QUEUE, durable=True)
            await channel.queue_bind(QUEUE, EXCHANGE, KEYS)

    async def stored(self, sample: Sample) -> list[dict[str, Any]]:
        async with self.channel() as channel:
            while not isinstance(
                (got := await channel.basic_get(QUEUE, no_ack=True)).delivery, spec.Basic.GetEmpty
            ):
                properties = got.header.properties
                assert properties.delivery_mode == 2, "the server may forget the message"
                told = {ID: properties.message_id, PLACE: got.routing_key}
                self._taken.append({**json.loads(got.body), **told})
        return [event for event in self._taken if event["subject"] == sample.sha256]


def _configure(file: Path, secret: int, certificates: Certificates) -> None:
    options = {
        "max_message_size": MOST,
        "listeners.ssl.default": f"127.0.0.1:{secret}",
        "ssl_options.certfile": certificates.certificate,
        "ssl_options.keyfile": certificates.key,
        "ssl_options.verify": "verify_none",
    }
    file.write_text("".join(f"{name} = {value}\n" for name, value in options.items()))


def _environment(folder: Path, port: int, names: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_NODENAME": f"bank{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
        # The script becomes the server, so that the server can be killed.
        "detached": "yes",
    }
