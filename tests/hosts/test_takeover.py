"""A standby that lacks the newest changes takes over from its primary, as without `synchronous_standby_names`."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from typing import NamedTuple

import pytest

from kit.bank import CHIEF, Bank, eventually
from kit.feed import PATH, EventStream
from kit.hosts import host
from kit.postgres import Postgres, own_postgres, standby_of
from kit.service import Service


class Pair(NamedTuple):
    """An installation on a primary and a standby."""

    bank: Bank
    primary: Postgres
    standby: Postgres

    def cut_off(self) -> None:
        """Let the standby hear no more of the primary."""
        self.standby.order("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.order("SELECT pg_reload_conf()")
        assert eventually(lambda: not self.standby.order("SELECT pid FROM pg_stat_wal_receiver"))

    def take_over(self) -> None:
        self.primary.kill()
        self.standby.promote()
        assert eventually(lambda: self.bank.get("/readyz", None).status_code == 200)


@pytest.fixture
def pair(service: Service, tmp_path: Path) -> Iterator[Pair]:  # noqa: ARG001 which makes the account of the servers
    with (
        suppress(CalledProcessError),  # of the server that is killed
        own_postgres(tmp_path) as primary,
        standby_of(primary, tmp_path / "standby") as standby,
    ):
        servers = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{servers}/postgres?target_session_attrs=read-write"
        with host(tmp_path / "host", url, tmp_path / "blobs") as first:
            first.start()
            first.apply()
            yield Pair(Bank(first.url, first.keys), primary, standby)


def test_a_stream_ends_and_its_cursor_is_gone_where_the_new_primary_lacks_events_that_were_told(
    pair: Pair,
) -> None:
    with EventStream(pair.bank, CHIEF) as stream:
        pair.cut_off()
        pair.bank.submitted()
        cursor, _ = stream.next()
        pair.take_over()
        rest = [block["id"] for block in stream.blocks()]
    answer = pair.bank.get(PATH, CHIEF, after=[cursor, *rest][-1])

    assert answer.status_code == 410
    assert "is of a later time than the database" in answer.text
