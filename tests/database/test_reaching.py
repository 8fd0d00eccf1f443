"""A database that cannot be reached is told with the reason and the server, and without a secret."""

import asyncio
import socket
from pathlib import Path

import pytest

from samplebank.database import connect
from samplebank.database.connection import reach
from samplebank.database.reaching import unreachable
from samplebank.database.sockets import url_of
from samplebank.errors import Unavailable

REFUSED = ConnectionRefusedError(111, "Connection refused")


async def test_a_server_that_hangs_is_told_with_the_time_of_the_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://bank:s3cret@127.0.0.1:{port}/bank"

        found = await asyncio.gather(reach(url), connect(url), return_exceptions=True)

    said = (
        "The database cannot be reached: no answer within 10 seconds. "
        f"SAMPLEBANK_DATABASE_URL names 127.0.0.1:{port}."
    )
    assert [(type(one), str(one)) for one in found] == [(Unavailable, said)] * 2


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://bank:s3cret@db.example/bank", "db.example:5432"),
        (
            "postgresql://bank:s3@cret@one.example,two.example:5433/bank",
            "one.example:5432 and two.example:5433",
        ),
        ("postgresql://bank@[::1]:5433/bank?password=s3cret", "[::1]:5433"),
        ("postgresql://bank:s3cret@/bank?host=/run/postgresql", "the socket in /run/postgresql"),
        ("postgresql:///bank?host=db.example&port=5434&password=s3cret", "db.example:5434"),
        ("postgresql:///bank?password=s3cret", "no host, so the server of this machine"),
        ("postgresql://s3:7/cret@db.example/bank", "the server"),
        ("postgresql://s3:7?cret@db.example/bank", "the server"),
    ],
)
def test_the_server_of_the_setting_is_named_without_a_password(url: str, named: str) -> None:
    said = str(unreachable(url, REFUSED))

    assert said == (
        "The database cannot be reached: [Errno 111] Connection refused. "
        f"SAMPLEBANK_DATABASE_URL names {named}."
    )


@pytest.mark.parametrize("folder", ["/srv/bank/postgres", "/srv/" + 90 * "x"])
def test_an_embedded_server_is_not_told_as_one_of_a_setting(folder: str) -> None:
    said = str(unreachable(url_of(Path(folder)), REFUSED))

    assert said == "The database cannot be reached: [Errno 111] Connection refused."
