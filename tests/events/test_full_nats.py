"""NATS without room for an event, for whatever reason, keeps the event waiting. None is given up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.brokers import opened
from kit.nats import STREAM, NatsServer
from samplebank.events.sinks import Message, Sink, Undelivered

TYPE = "samplebank.verdict.settled"
#: bytes that the account may store, and of an event
ROOM, SIZE = 20_000, 1_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        f"jetstream: {{ store_dir: '{tmp_path}' }}\n"
        f"accounts: {{ BANK: {{ jetstream: {{ max_file: {ROOM}, max_mem: 0 }}, users: [ {{ user: bank, password: bank }} ] }} }}\n"
        "no_auth_user: bank\n"
    )
    server = NatsServer(tmp_path / "data", "-c", str(configuration))
    server.start()
    yield server
    server.kill()


async def refusal(sink: Sink, most: int = 1) -> Undelivered:
    """What the sink says of the first event that is not taken, among `most`."""
    for number in range(most):
        try:
            await sink.deliver(Message(str(number), TYPE, "", bytes(SIZE)), now=1)
        except Undelivered as told:
            return told
    pytest.fail("The server took all events.")


async def test_an_event_waits_where_the_account_may_store_no_more(server: NatsServer) -> None:
    await server.set_stream()

    async with opened("nats", server.url) as sink:
        told = await refusal(sink, most=ROOM // SIZE + 1)

    assert "resource limits exceeded for account" in str(told)
    assert not told.answered


async def test_an_event_waits_where_the_stream_takes_no_more_bytes(server: NatsServer) -> None:
    await server.set_stream(max_bytes=5 * SIZE, discard="new")

    async with opened("nats", server.url) as sink:
        told = await refusal(sink, most=6)

    assert "maximum bytes exceeded" in str(told)
    assert not told.answered


async def test_an_event_waits_where_the_stream_is_sealed(server: NatsServer) -> None:
    await server.set_stream()
    async with server.jetstream() as stream:
        sealed = (await stream.stream_info(STREAM)).config
        sealed.sealed = True
        await stream.update_stream(sealed)

    async with opened("nats", server.url) as sink:
        told = await refusal(sink)

    assert "invalid operation on sealed stream" in str(told)
    assert not told.answered
