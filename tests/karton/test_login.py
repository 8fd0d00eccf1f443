"""The bridge logs in to a Redis with passwords as the services of Karton do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from bench.karton import Redis

from kit.service import free_port
from samplebank.karton.broker import Broker
from samplebank.karton.config import load
from samplebank.karton.errors import Away

PASSWORD, OF_BANK = "a password / for @all", "a password of the bank"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that asks for a password, with a user `bank` beside the usual user."""
    server = Redis(tmp_path_factory.mktemp("redis"), free_port).start()
    try:
        with redis.Redis(port=server.port) as client:
            client.execute_command("ACL", "SETUSER", "bank", "on", f">{OF_BANK}", "~*", "+@all")
            client.config_set("requirepass", PASSWORD)
        yield server
    finally:
        server.kill()


def asked(folder: Path, lines: str, environment: dict[str, str]) -> float:
    """The clock of Redis, as the bridge asks with these lines of the section [redis]."""
    file = folder / "karton.ini"
    file.write_text(
        f"[redis]\n{lines}\n[s3]\naddress = http://s3\naccess_key = k\nsecret_key = s\nbucket = b\n"
    )

    async def ask() -> float:
        broker = Broker(load(environment, file), "karton.samplebank-test")
        try:
            return await broker.now()
        finally:
            await broker.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "lines",
    [
        "host = 127.0.0.1\nport = {port}\npassword = {password}",
        "host = 127.0.0.1\nport = {port}\nusername = bank\npassword = {of_bank}",
        "url = redis://127.0.0.1:{port}/0\npassword = {password}",
    ],
)
def test_a_login_beside_the_address_is_used(guarded: Redis, tmp_path: Path, lines: str) -> None:
    assert asked(tmp_path, lines.format(port=guarded.port, password=PASSWORD, of_bank=OF_BANK), {}) > 0


def test_a_login_of_the_environment_is_used(guarded: Redis, tmp_path: Path) -> None:
    address = f"host = 127.0.0.1\nport = {guarded.port}"

    assert asked(tmp_path, address, {"KARTON_REDIS_PASSWORD": PASSWORD}) > 0
    with pytest.raises(Away, match="authenticate"):
        asked(tmp_path, address, {"KARTON_REDIS_PASSWORD": ""})
