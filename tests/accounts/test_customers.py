"""Customers by the API: made and changed, and removed once nothing belongs to a customer."""

from typing import Any

import pytest
import requests

from kit.bank import Bank, eventually, fields_of, name_of
from kit.service import Service
from samplebank.database import Database

API = "/samplebank/v1"


def put(bank: Bank, short_name: str = "", **fields: Any) -> requests.Response:
    domain = bank.data(bank.get(f"{API}/customers", limit=0))[0]["domain"]
    return bank.put(
        f"{API}/customers/{short_name or name_of('firm')}", {"name": "A firm", "domain": domain, **fields}
    )


def customer(bank: Bank, **fields: Any) -> str:
    """A new customer to whom nothing belongs."""
    name: str = bank.data(put(bank, **fields))["shortName"]
    return name


def remove(bank: Bank, name: str) -> requests.Response:
    return bank.delete(f"{API}/customers/{name}")


def listed(bank: Bank, name: str) -> dict[str, Any]:
    (found,) = [one for one in bank.data(bank.get(f"{API}/customers", limit=0)) if one["shortName"] == name]
    return dict(found)


def is_known(bank: Bank, name: str) -> bool:
    """Whether a search may name the customer."""
    found = bank.post("/sampledb/v2/submission/search", {"customer": [name]})
    return found.status_code == 200


def told(answer: requests.Response) -> str:
    return str(answer.json()["messages"][0]["message"])


def test_a_customer_is_made_changed_and_listed(bank: Bank) -> None:
    name = customer(bank)
    bank.data(put(bank, name, name="Another name"))

    assert (listed(bank, name)["name"], "removedTimestamp" in listed(bank, name)) == ("Another name", False)


def test_an_unknown_domain_and_parent_are_told_at_once(bank: Bank) -> None:
    refused = put(bank, domain="nowhere", parent="nobody")

    assert (refused.status_code, fields_of(refused)) == (412, {"domain", "parent"})


def test_a_customer_cannot_stand_below_itself(bank: Bank) -> None:
    above = customer(bank)
    below = customer(bank, parent=above)

    refused = put(bank, above, parent=below)

    assert (refused.status_code, fields_of(refused)) == (412, {"parent"})
    assert told(refused) in {
        f"The customer {name} would be among its own parents." for name in (above, below)
    }


def test_a_customer_cannot_leave_the_domain_of_the_customers_below(bank: Bank) -> None:
    above = customer(bank)
    below = customer(bank, parent=above)
    domains = {one["domain"] for one in bank.data(bank.get(f"{API}/customers", limit=0))}
    (other, *_) = domains - {listed(bank, above)["domain"]}

    refused = put(bank, above, domain=other)

    assert (refused.status_code, fields_of(refused)) == (412, {"domain"})
    assert told(refused) == f"The customer {below} would be in another domain than its parent."


def test_a_new_customer_cannot_be_named_by_a_number(bank: Bank) -> None:
    """A number in a request is an id: nobody could submit for the customer, or look for it."""
    refused = put(bank, "7000001", domain="nowhere")

    assert (refused.status_code, fields_of(refused)) == (412, {"shortName", "domain"})


def test_a_customer_to_whom_nothing_belongs_is_removed_with_its_grants(bank: Bank) -> None:
    name = customer(bank)
    bank.data(bank.put(f"{API}/accounts/mia/grants/SAMPLEDB-VIEWER/{name}"))

    assert bank.data(remove(bank, name)) == {"grants": 1}
    assert "removedTimestamp" in listed(bank, name)


def test_a_removed_customer_is_unknown_to_submissions(bank: Bank) -> None:
    name = customer(bank)
    bank.data(remove(bank, name))

    assert eventually(lambda: not is_known(bank, name))


async def test_a_removed_customer_is_unknown_by_its_number_as_well(bank: Bank, database: Database) -> None:
    name = customer(bank)
    async with database.connection() as db:
        number = str(await db.fetchval("SELECT id FROM customer WHERE short_name = $1", name))
    assert eventually(lambda: is_known(bank, number))

    bank.data(remove(bank, name))

    assert eventually(lambda: not is_known(bank, number))


def test_a_removed_customer_comes_back_without_grants(bank: Bank) -> None:
    name = customer(bank)
    bank.data(bank.put(f"{API}/accounts/mia/grants/SAMPLEDB-VIEWER/{name}"))
    bank.data(remove(bank, name))
    bank.data(put(bank, name))

    grants = bank.data(bank.get(f"{API}/accounts/mia"))["grants"]
    assert [one for one in grants if one["customer"] == name] == []
    assert "removedTimestamp" not in listed(bank, name)


def test_a_customer_with_users_and_customers_below_is_kept_and_both_are_told(bank: Bank) -> None:
    name = customer(bank)
    bank.data(bank.put(f"{API}/users/{name_of('user')}", {"customer": name}))
    customer(bank, parent=name)

    refused = remove(bank, name)

    assert refused.status_code == 412
    assert "1 user or group, 1 customer below" in told(refused)


def test_a_customer_with_submissions_is_kept(bank: Bank) -> None:
    name = customer(bank)
    assert eventually(lambda: is_known(bank, name))
    bank.submitted("chief", customer=name)

    refused = remove(bank, name)

    assert (refused.status_code, "1 submission, " in told(refused)) == (412, True)
    assert "removedTimestamp" not in listed(bank, name)


@pytest.mark.parametrize("name", ["nowhere", "x" * 300])
def test_a_customer_who_is_not_there_cannot_be_removed(bank: Bank, name: str) -> None:
    assert remove(bank, name).status_code == 404


def test_the_command_removes_a_customer_and_tells_what_keeps_another(bank: Bank, service: Service) -> None:
    removed = service.run("accounts", "remove-customer", customer(bank))
    kept = service.run("accounts", "remove-customer", "mill")

    assert (removed.returncode, "is removed, with 0 grants" in removed.stdout) == (0, True)
    assert (kept.returncode != 0, "still has" in kept.stderr) == (True, True)


def test_the_command_makes_a_user_and_a_group(bank: Bank, service: Service) -> None:
    user, group = name_of("user"), name_of("group")
    done = [
        service.run("accounts", "add-user", user, "mill", "--name", "Somebody"),
        service.run("accounts", "add-group", group, "mill"),
    ]

    assert [one.returncode for one in done] == [0, 0]
    made = [bank.data(bank.get(f"{API}/accounts/{name}")) for name in (user, group)]
    assert [(one["kind"], one["name"], one["customer"]) for one in made] == [
        ("user", "Somebody", "mill"),
        ("group", group, "mill"),
    ]


@pytest.mark.parametrize("command", ["add-user", "add-group"])
def test_the_command_refuses_a_short_name_that_is_a_number(service: Service, command: str) -> None:
    refused = service.run("accounts", command, "7000001", "mill")

    assert (refused.returncode, "put a letter in it" in refused.stderr) == (1, True)


def test_the_command_refuses_a_short_name_with_blanks(service: Service) -> None:
    refused = service.run("accounts", "add-user", "two words", "mill")

    assert (refused.returncode != 0, "letters" in refused.stderr) == (True, True)
