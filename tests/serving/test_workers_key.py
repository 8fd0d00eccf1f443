"""The built-in workers get a key that works, also after their last key was revoked or lost."""

import json
from collections.abc import Callable, Mapping

import pytest

from kit.bank import V2, Bank
from kit.service import Service
from samplebank.serving.workers_key import KEY, environments
from samplebank.settings import load

Next = Callable[[], Mapping[str, str]]
SECRETS = {
    "SAMPLEBANK_DATABASE_URL": "postgresql://bank:secret@host/bank",
    "SAMPLEBANK_WEBHOOK_SECRET": "secret",
    "SAMPLEBANK_EVENTS_NATS": "nats://bank:secret@host",
    "SAMPLEBANK_EVENTS_RABBITMQ": "amqp://bank:secret@host",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "PGPASSWORD": "secret",
}
ENVIRONMENT = {"PATH": "/bin", **SECRETS}


@pytest.fixture
def next_environment(service: Service) -> Next:
    """The environment of each start of the workers, as `serve` makes it."""
    return environments(load(service.environment), service.database_url, service.url, ENVIRONMENT)


def revoke_keys_of_workers(service: Service) -> None:
    listed = json.loads(service.run("key", "list", "--user", "samplebank-workers", "--json").stdout)
    for key in listed["keys"]:
        assert service.run("key", "revoke", key["id"]).returncode == 0


def test_a_key_that_works_is_kept(next_environment: Next) -> None:
    first, second = next_environment(), next_environment()

    assert first[KEY] == second[KEY]


def test_a_revoked_key_is_replaced_at_the_next_start(
    service: Service, bank: Bank, next_environment: Next
) -> None:
    before = next_environment()[KEY]
    revoke_keys_of_workers(service)

    after = next_environment()[KEY]

    answer = bank.call("GET", f"{V2}/worker", None, headers={"Argus-API-Key": after})
    assert after != before
    assert answer.status_code == 200


def test_workers_get_no_secret_of_the_service(next_environment: Next) -> None:
    given = next_environment()

    assert given["PATH"] == "/bin"
    assert not SECRETS.keys() & given.keys()
