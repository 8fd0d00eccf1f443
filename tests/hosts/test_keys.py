"""Keys are made where the database is made, or on request: another host leaves none behind."""

import json

from hosts.conftest import Host
from kit.bank import V2, Bank
from kit.hosts import refusal
from kit.service import Service
from samplebank.serving.credentials import read_keys


def keys_of(service: Service) -> set[str]:
    return {key["id"] for key in json.loads(service.run("key", "list", "--json").stdout)["keys"]}


def test_another_host_makes_no_keys(first: Service, another: Host) -> None:
    before = keys_of(first)

    with another() as second:
        second.start()

        assert not (second.folder / "data" / "credentials.toml").exists()
    assert keys_of(first) == before


def test_another_host_makes_keys_that_work_when_asked_to(another: Host) -> None:
    with another() as second:
        second.arguments = ("--no-workers", "--issue-keys")
        second.start()
        keys = read_keys(second.folder / "data" / "credentials.toml")

        answer = Bank(second.url, keys).get(f"{V2}/worker", "workers")

    assert answer.status_code == 200


def test_a_host_whose_workers_have_no_key_says_how_to_make_one(another: Host) -> None:
    with another() as second:
        said = refusal(second, "--processes", "1")

    assert "The built-in workers have no key" in said
    assert "--issue-keys" in said
