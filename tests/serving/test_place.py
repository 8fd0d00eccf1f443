"""The address of a service: held by one service, and awaited while web processes of a killed service let go."""

import socket
import time
from pathlib import Path

import pytest
import requests

from kit.service import free_port, running
from samplebank.errors import Invalid
from samplebank.serving import place
from samplebank.settings import Settings


def listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_a_service_listens_at_a_host_by_name(tmp_path: Path) -> None:
    with running(tmp_path, {"SAMPLEBANK_HOST": "localhost"}) as service:
        assert requests.get(f"{service.url}/readyz", timeout=30).status_code == 200
        assert service.run("me").returncode == 0


def test_a_service_that_was_killed_is_started_again_while_its_web_processes_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Settings(data_dir=tmp_path, port=free_port())
    left = tmp_path / "metrics" / f"127.0.0.1-{own.port}"
    left.mkdir(parents=True)
    ending = listening(own.port)
    monkeypatch.setattr(time, "sleep", lambda _: ending.close())

    with place.taken(own) as metrics:
        found = metrics

    assert found == left


@pytest.mark.parametrize("host", [f"{'x' * 60}.{'x' * 60}.invalid", "é..ü", "a\0b"])
def test_a_text_that_is_no_host_is_refused(tmp_path: Path, host: str) -> None:
    with (
        pytest.raises(Invalid, match="cannot be listened on"),
        place.taken(Settings(data_dir=tmp_path, host=host)),
    ):
        pass


def test_an_address_that_another_program_has_is_not_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Settings(data_dir=tmp_path, port=free_port())
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)

    with listening(own.port), pytest.raises(Invalid, match="cannot be listened on"), place.taken(own):
        pass

    assert waits == []
