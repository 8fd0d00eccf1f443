"""Events go to a broker by TLS where the address says so, and only with a certificate and a login that are good."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import nats as library
import pytest
from nats.aio.client import Client

from kit.brokers import opened, variable
from kit.certificates import Certificates, make_certificates
from kit.nats import NatsServer
from samplebank.errors import Invalid
from samplebank.events import brokers
from samplebank.events import nats as nats_sink
from samplebank.events.sinks import Message, Sink, Undelivered
from samplebank.maintenance.relays import open_relays
from samplebank.settings import load

VARIABLE = variable("nats")
EVENT = Message("1", "samplebank.verdict.settled", "", b"{}")
USER, PASSWORD = "bank", "a-secret"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[NatsServer]:
    """A server with TLS and a login."""
    options = ("--tls", "--tlscert", str(certificates.certificate), "--tlskey", str(certificates.key))
    login = ("--user", USER, "--pass", PASSWORD)
    server = NatsServer(tmp_path_factory.mktemp("secret"), *options, *login)
    server.start()
    yield server
    server.kill()


class Rights:
    """A server whose user has the rights that its file of settings says. Anybody else may do anything."""

    def __init__(self, folder: Path) -> None:
        self._configuration = folder / "nats.conf"
        self._write("")
        self.server = NatsServer(folder / "data", "-c", str(self._configuration))
        self.url = self.server.url.replace("//", f"//{USER}:{PASSWORD}@")

    def set(self, rights: str) -> None:
        """Give the user these rights, also on connections that are there."""
        self._write(rights)
        self.server.reload()

    def _write(self, rights: str) -> None:
        user = f"{{ user: {USER}, password: {PASSWORD}, permissions: {{ {rights} }} }}"
        anybody = "{ user: anybody, password: anybody }"
        self._configuration.write_text(
            f"jetstream: {{ store_dir: '{self._configuration.parent}' }}\n"
            f"accounts: {{ BANK: {{ jetstream: enabled, users: [ {user}, {anybody} ] }} }}\n"
            "no_auth_user: anybody\n"
        )


@pytest.fixture
def rights(tmp_path: Path) -> Iterator[Rights]:
    rights = Rights(tmp_path)
    rights.server.start()
    yield rights
    rights.server.kill()


def address(server: NatsServer, authority: Path | None, password: str = PASSWORD) -> str:
    ca = "" if authority is None else f"?ca={authority}"
    return f"tls://{USER}:{password}@127.0.0.1:{server.port}{ca}"


async def refused(url: str) -> str:
    with pytest.raises(Undelivered) as told:
        async with opened("nats", url):
            pass
    return str(told.value)


async def test_an_event_is_stored_by_a_server_with_a_certificate_of_an_own_authority(
    secret: NatsServer, certificates: Certificates
) -> None:
    reader: Client = await library.connect(
        f"tls://127.0.0.1:{secret.port}",
        user=USER,
        password=PASSWORD,
        tls=ssl.create_default_context(cafile=certificates.authority),
    )
    stream = reader.jetstream()
    await stream.add_stream(name="EVENTS", subjects=["samplebank.>"])

    async with opened("nats", address(secret, certificates.authority)) as sink:
        await sink.deliver(EVENT, now=1)

    stored = await stream.get_msg("EVENTS", 1)
    await reader.close()
    assert stored.data == EVENT.body


async def test_a_certificate_of_an_unknown_authority_is_refused(secret: NatsServer) -> None:
    assert "certificate verify failed" in await refused(address(secret, None))


async def test_a_wrong_password_is_told_and_not_shown(secret: NatsServer, certificates: Certificates) -> None:
    told = await refused(address(secret, certificates.authority, "not-the-secret"))

    assert "Authorization Violation" in told
    assert "not-the-secret" not in told


async def test_a_right_to_publish_that_is_lacking_is_told(
    rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights.set('publish: { deny: "samplebank.>" }')

    async with opened("nats", rights.url) as sink:
        told = await unconfirmed(sink, monkeypatch)

    assert 'permissions violation for publish to "samplebank.verdict.settled"' in told.lower()


async def test_an_event_for_which_the_user_lacks_the_right_holds_up_no_events_of_other_kinds(
    rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rights.server.set_stream()
    rights.set('publish: { deny: "samplebank.alert.raised" }')

    async with opened("nats", rights.url) as sink:
        await sink.deliver(EVENT, now=1)
        await unconfirmed(sink, monkeypatch, Message("2", "samplebank.alert.raised", "", b"{}"))

        assert isinstance(sink, brokers.Broker)
        assert sink.is_connected
        await sink.prepare()


async def test_events_go_on_when_a_right_to_hear_answers_is_back(
    rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rights.server.set_stream()
    monkeypatch.setattr(brokers, "FIRST_REST", 0.0)
    rights.set('subscribe: { deny: "_INBOX.>" }')

    async with opened("nats", rights.url) as sink:
        await unconfirmed(sink, monkeypatch)
        rights.set("")
        await sink.prepare()
        await sink.deliver(EVENT, now=1)

    async with rights.server.jetstream() as stream:
        assert (await stream.get_msg("EVENTS", 1)).data == EVENT.body


async def unconfirmed(sink: Sink, monkeypatch: pytest.MonkeyPatch, event: Message = EVENT) -> str:
    """What the sink says where the server answers nothing."""
    with monkeypatch.context() as hasty:
        hasty.setattr(nats_sink, "PATIENCE", 0.5)
        with pytest.raises(Undelivered) as told:
            await sink.deliver(event, now=1)
    assert not told.value.answered
    return str(told.value)


async def test_a_server_without_tls_gets_no_login_by_an_address_with_tls() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"auth_required":true}\r\n'
        )
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        told = await refused(f"tls://{USER}:{PASSWORD}@127.0.0.1:{port}")

    assert "the server does not ask for TLS" in told
    assert b"".join(heard) == b""


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("nats://broker?ca=/etc/hosts", "has the option 'ca', but nats:// is not TLS: use tls://"),
        ("tls://broker?ca=/etc/hosts", "names the certificates '/etc/hosts', which cannot be read"),
        ("tls://broker?ca=/nowhere.pem", "names the certificates '/nowhere.pem', which cannot be read"),
    ],
)
def test_certificates_that_are_of_no_use_are_told_at_the_start(url: str, refusal: str) -> None:
    with pytest.raises(Invalid) as told:
        open_relays(load({VARIABLE: url}))

    assert str(told.value).startswith(f"{VARIABLE} {refusal}")
