"""A server of a test's own that speaks Kafka's protocol: Tansu, with its records in memory."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # which its package does not list

from kit.bank import Sample
from kit.brokers import ID, PLACE, BrokerServer
from kit.browser import program
from kit.service import free_port
from kit.wire import Wire

TOPIC, PARTITIONS = "samplebank", 4
UP = "ready in"


class KafkaServer(BrokerServer):
    """What the topic has. `options` are further words of the command."""

    name = "kafka"

    def __init__(self, folder: Path, *options: str) -> None:
        self._port = free_port()
        self._wire = Wire(self._port)
        self.url = f"kafka://127.0.0.1:{self._wire.port}"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._consumer: Consumer | None = None
        #: what was read of the topic
        self._read: list[dict[str, Any]] = []

    def start(self) -> None:
        addresses = ("--listener-url", f"tcp://127.0.0.1:{self._port}")
        # Clients come by the address that the server names.
        told = ("--advertised-listener-url", f"tcp://127.0.0.1:{self._wire.port}")
        stored = ("--storage-engine", "memory://tansu/")
        self._process = subprocess.Popen(
            [program("tansu"), "broker", *addresses, *told, *stored, *self._options],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = ""
        while UP not in said:
            said = self._process.stdout.readline()
            assert said, "Tansu has ended"

    def set_topic(self) -> None:
        """Make the topic that takes all events."""
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{self._port}"})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result(10)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut the wire to the server, which keeps its records in memory."""
        with self._wire.cut():
            yield

    def kill(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
        self._wire.close()
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    async def stored(self, sample: Sample) -> list[dict[str, Any]]:
        await asyncio.to_thread(self._read_on)
        return [event for event in self._read if event["subject"] == sample.sha256]

    def _read_on(self) -> None:
        if self._consumer is None:
            self._consumer = Consumer(
                {"bootstrap.servers": f"127.0.0.1:{self._wire.port}", "group.id": "test", "log_level": 0}
            )
            self._consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)])
        for record in self._consumer.consume(1000, 0.2):
            assert record.error() is None, record.error()
            headers = {str(name): bytes(value).decode() for name, value in record.headers() or []}  # type: ignore[str-unpack, arg-type]  # text never comes
            event = json.loads(record.value() or b"")
            assert record.key() == event["subject"].encode()
            self._read.append({**event, ID: headers["ce_id"], PLACE: headers["ce_type"]})
