"""Which proxy a worker speaks through, and which address a request has."""

import pytest

from kit.bank import ROBOT, Bank
from kit.relay import Relay
from samplebank.worker.connection import Connection, proxy_for
from samplebank.worker.errors import ServiceUnavailable

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.mark.parametrize(
    ("variable", "value", "url", "proxy"),
    [
        ("https_proxy", "http://proxy:3128", "https://bank.example", "http://proxy:3128"),
        ("https_proxy", "proxy:3128", "https://bank.example", "http://proxy:3128"),
        ("http_proxy", "http://proxy:3128", "https://bank.example", None),
        ("all_proxy", "http://proxy:3128", "http://bank.example", "http://proxy:3128"),
        ("no_proxy", "bank.example", "http://bank.example", None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, url: str, proxy: str | None
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    if variable == "no_proxy":
        monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv(variable, value)

    assert proxy_for(url) == proxy


async def test_a_service_below_a_path_is_asked_below_the_path(bank: Bank, relay: Relay) -> None:
    connection = Connection(f"{relay.url}/below/", {"Argus-API-Key": bank.keys[ROBOT]})

    await connection.ask("GET", "/sampledb/v2/job", params={"keywords": "a b+c&d"})
    await connection.close()

    assert relay.found(r"/below/sampledb/v2/job\?keywords=a%20b%2Bc%26d$")


async def test_no_service_is_told_with_its_address() -> None:
    connection = Connection("http://127.0.0.1:9", {})

    with pytest.raises(ServiceUnavailable, match=r"The service at http://127\.0\.0\.1:9 cannot be reached"):
        await connection.ask("GET", "/")
    await connection.close()
