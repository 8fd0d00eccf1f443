"""API keys: narrowed, expiring, revoked."""

import json

from kit.bank import Bank, eventually
from kit.service import Service


def issued(service: Service, *arguments: str) -> dict[str, str]:
    done = service.run("key", "create", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    key: dict[str, str] = json.loads(done.stdout)
    return key


def session(bank: Bank, key: str) -> int:
    return bank.call("GET", "/authentication/v1/session", None, headers={"Argus-API-Key": key}).status_code


def test_a_new_key_works(service: Service, bank: Bank) -> None:
    assert session(bank, issued(service, "mia")["key"]) == 200


def test_a_revoked_key_stops_working(service: Service, bank: Bank) -> None:
    key = issued(service, "mia")
    session(bank, key["key"])

    service.run("key", "revoke", key["id"])

    assert eventually(lambda: session(bank, key["key"]) == 401, timeout=5)


def test_an_expired_key_does_not_work(service: Service, bank: Bank) -> None:
    key = issued(service, "mia", "--expires", "now + 8 seconds")["key"]

    assert session(bank, key) == 200
    assert eventually(lambda: session(bank, key) == 401, timeout=20)


def test_a_key_narrowed_to_a_role_that_its_user_does_not_hold_has_no_rights(
    service: Service, bank: Bank
) -> None:
    key = issued(service, "chief", "--role", "SAMPLEDB-VIEWER")["key"]

    answer = bank.call("GET", "/sampledb/v2/worker", None, headers={"Argus-API-Key": key})

    assert session(bank, key) == 200
    assert answer.status_code == 403


def test_a_key_can_be_narrowed_to_a_customer(service: Service, bank: Bank) -> None:
    key = issued(service, "chief", "--customer", "quarry")["key"]
    sample = bank.submitted(user="mia")

    seen = bank.call("GET", f"{sample.path}/submission", None, headers={"Argus-API-Key": key})

    assert seen.status_code == 404


def test_a_key_narrowed_to_a_customer_reaches_the_customers_below(service: Service, bank: Bank) -> None:
    key = issued(service, "chief", "--customer", "mill")["key"]
    sample = bank.submitted(user="chief", customer="mill-south")

    seen = bank.call("GET", f"{sample.path}/submission", None, headers={"Argus-API-Key": key})

    assert (seen.status_code, len(seen.json()["data"])) == (200, 1)


def test_a_key_narrowed_to_a_customer_of_others_opens_nothing_there(service: Service, bank: Bank) -> None:
    key = issued(service, "mia", "--customer", "quarry")["key"]
    sample = bank.submitted(user="quinn", customer="quarry")

    seen = bank.call("GET", f"{sample.path}/submission", None, headers={"Argus-API-Key": key})

    assert (session(bank, key), seen.status_code) == (200, 403)


def test_a_key_narrowed_to_a_customer_does_not_govern_the_installation(service: Service, bank: Bank) -> None:
    key = issued(service, "chief", "--customer", "quarry")["key"]
    calls = [
        ("PUT", "/sampledb/v2/policy/default"),
        ("DELETE", "/sampledb/v2/worker/no-such-worker"),
        ("POST", "/sampledb/v2/servicetask/reindex"),
    ]

    answers = [bank.call(method, path, None, headers={"Argus-API-Key": key}) for method, path in calls]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


def test_a_key_is_stored_nowhere(service: Service) -> None:
    key = issued(service, "mia")

    listed = service.run("key", "list", "--user", "mia", "--json").stdout

    assert key["id"] in listed
    assert key["key"] not in listed
