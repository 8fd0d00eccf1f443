"""A proxy of the environment does not stand between the commands and a service of this machine."""

import httpx
import pytest

from samplebank.cli.proxies import reach_this_machine_directly


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, {"NO_PROXY": "127.0.0.1,localhost,::1"}),
        ({"NO_PROXY": "example.org, localhost"}, {"NO_PROXY": "example.org,localhost,127.0.0.1,::1"}),
        ({"no_proxy": ""}, {"no_proxy": "127.0.0.1,localhost,::1"}),
        ({"no_proxy": "*"}, {"no_proxy": "*"}),
    ],
)
def test_this_machine_is_added_to_the_hosts_without_a_proxy(
    given: dict[str, str], meant: dict[str, str]
) -> None:
    reach_this_machine_directly(given)

    assert given == meant


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_client_of_the_commands_asks_no_proxy_for_a_service_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    environment = {"http_proxy": "http://proxy.invalid:9"}
    reach_this_machine_directly(environment)
    monkeypatch.delenv("no_proxy", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with httpx.Client() as client, pytest.raises(httpx.ConnectError) as refused:
        client.get(f"http://{host}:9")

    assert "Connection refused" in str(refused.value)
