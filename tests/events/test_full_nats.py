"""NATS without room for an event, for whatever reason, keeps the event waiting. An event that is too large is refused."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.brokers import opened
from kit.nats import STREAM, NatsServer
from samplebank.events.sinks import Message, Sink, Undelivered

TYPE = "samplebank.verdict.settled"
#: bytes that the account may store, and of an event
ROOM, SIZE = 20_000, 1_000
#: bytes of the largest message for the server, with headers
MOST = 4_096


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        f"max_payload: {MOST}\n"
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


async def test_an_event_that_is_too_large_with_its_headers_is_refused_and_breaks_off_nothing(
    server: NatsServer,
) -> None:
    await server.set_stream()
    large, small = (Message(name, TYPE, "", bytes(size)) for name, size in (("l", MOST), ("s", SIZE)))

    async with opened("nats", server.url) as sink:
        refused, taken = await asyncio.gather(
            sink.deliver(large, now=1), sink.deliver(small, now=1), return_exceptions=True
        )

    assert isinstance(refused, Undelivered)
    assert refused.answered
    assert str(refused) == "The event is larger than the server takes."
    assert taken is None


async def test_an_event_is_taken_that_is_as_large_as_the_server_takes(server: NatsServer) -> None:
    await server.set_stream()
    headers = b"NATS/1.0\r\nNats-Msg-Id: 1\r\nContent-Type: application/cloudevents+json\r\n\r\n"

    async with opened("nats", server.url) as sink:
        await sink.deliver(Message("1", TYPE, "", bytes(MOST - len(headers))), now=1)
        with pytest.raises(Undelivered) as refused:
            await sink.deliver(Message("2", TYPE, "", bytes(MOST - len(headers) + 1)), now=1)

    assert refused.value.answered
