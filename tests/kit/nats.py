"""A nats-server of a test's own, with JetStream, that can be killed and started again on the same folder."""

import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from kit.bank import Sample
from kit.brokers import ID, PLACE, BrokerServer
from kit.browser import program
from kit.service import free_port

STREAM, SUBJECTS = "EVENTS", "samplebank.>"
UP = "Server is ready"
RELOADED = "Reloaded server configuration"


class NatsServer(BrokerServer):
    """What the stream has, and what the server is told."""

    name = "nats"

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        # A file of settings has the place of JetStream, too: the server takes no reload where an option names the place.
        store = [] if "-c" in self._options else ["-js", "-sd", str(self._folder)]
        options = ["-a", "127.0.0.1", "-p", str(self.port), *store, *self._options]
        self._process = subprocess.Popen(
            [program("nats-server"), *options], stderr=subprocess.PIPE, text=True
        )
        self._await(UP)

    def reload(self) -> None:
        """Let the server read its file of settings anew."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        self._await(RELOADED)

    def _await(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        said = ""
        while line not in said:
            said = self._process.stderr.readline()
            assert said, "nats-server has ended"

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        client = await nats.connect(self.url)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def set_stream(self, **options: Any) -> None:
        """Make the stream, or give the stream these options."""
        async with self.jetstream() as stream:
            try:
                await stream.update_stream(name=STREAM, subjects=[SUBJECTS], **options)
            except NotFoundError:
                await stream.add_stream(name=STREAM, subjects=[SUBJECTS], **options)

    async def stored(self, sample: Sample) -> list[dict[str, Any]]:
        found = []
        async with self.jetstream() as stream:
            last = (await stream.stream_info(STREAM)).state.last_seq
            for number in range(1, last + 1):
                message = await stream.get_msg(STREAM, number)
                event = json.loads(message.data or b"")
                if event["subject"] == sample.sha256:
                    headers = message.headers or {}
                    told = {ID: headers["Nats-Msg-Id"], PLACE: message.subject}
                    found.append({**event, **told})
        return found
