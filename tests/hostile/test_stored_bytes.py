"""Who has used up a budget of stored bytes stores nothing new, until something is deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
import requests

from kit.bank import V2, Bank, Sample, eventually, name_of
from kit.service import Service, running

SIZE = 5000
OF_KEY, OF_USER, OF_CUSTOMER = 3 * SIZE, 4 * SIZE, 5 * SIZE
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_STORED_BYTES_PER_KEY": str(OF_KEY),
    "SAMPLEBANK_STORED_BYTES_PER_USER": str(OF_USER),
    "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER": str(OF_CUSTOMER),
}
API = "/samplebank/v1"
NAMED = f"{API}/metrics"


class Send(Protocol):
    """A way to send a file, perhaps with an Idempotency-Key."""

    def __call__(
        self, bank: Bank, sample: Sample, user: str, key: str | None = None
    ) -> requests.Response: ...


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("small"), SETTINGS) as service:
        yield service


@pytest.fixture
def bank(small: Service) -> Bank:
    return Bank(small.url, dict(small.keys))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Service]:
    """A service where nobody has used up a budget."""
    with running(tmp_path, SETTINGS) as service:
        yield service


def customer(bank: Bank) -> str:
    """A customer who has stored nothing."""
    name = name_of("customer")
    bank.data(bank.put(f"{API}/customers/{name}", {"name": name, "domain": "here"}))
    return name


def user(bank: Bank, customer: str) -> str:
    """A user who may submit and has stored nothing, with a key of the same name in `bank.keys`."""
    name = name_of("user")
    bank.data(bank.put(f"{API}/users/{name}", {"customer": customer}))
    bank.data(bank.put(f"{API}/accounts/{name}/grants/SAMPLEDB-USER/{customer}"))
    key(bank, name, name)
    assert eventually(lambda: budgets(bank, name).keys() == {"key", "user", "customer"})
    return name


def key(bank: Bank, user: str, name: str = "") -> str:
    """Make a key of the user, and tell its name in `bank.keys`. The id of the key stands there under `<name> id`."""
    name = name or name_of("key")
    id_ = str(uuid4())
    made = bank.data(bank.put(f"{API}/keys/{id_}", {"user": user}))
    bank.keys = {**bank.keys, name: made["key"], f"{name} id": id_}
    return name


def budgets(bank: Bank, user: str) -> dict[str, tuple[int, int]]:
    """What is used, and the most that may be used, by key, user and customer. Empty for a key that does not work yet."""
    answer = bank.get("/authentication/v1/session", user)
    if answer.status_code != 200:
        return {}
    return {one["whose"]: (one["used"], one["most"]) for one in answer.json()["data"]["storedBytes"]}


def upload(bank: Bank, sample: Sample, user: str, key: str | None = None) -> requests.Response:
    return bank.call("POST", f"{V2}/sample", user, data=sample.data, headers=keyed(key))


def send(bank: Bank, sample: Sample, user: str, key: str | None = None) -> requests.Response:
    query = {"fileName": "f"}
    return bank.call("POST", f"{API}/sample", user, data=sample.data, params=query, headers=keyed(key))


def keyed(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Idempotency-Key": key}


def fill(bank: Bank, user: str, number: int) -> list[Sample]:
    """Store so many new samples."""
    samples = [Sample(SIZE) for _ in range(number)]
    for sample in samples:
        assert upload(bank, sample, user).status_code == 201
    return samples


def message(refused: requests.Response) -> str:
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    told: str = refused.json()["messages"][0]["message"]
    return told


@pytest.mark.parametrize("door", [upload, send])
def test_a_key_beyond_the_budget_is_told_and_leaves_nothing(bank: Bank, door: Send) -> None:
    name = user(bank, customer(bank))
    stored = [door(bank, Sample(SIZE), name).status_code for _ in range(3)]
    late = Sample(SIZE)

    refused = door(bank, late, name)

    assert stored == [201, 201, 201]
    assert f"your key: {OF_KEY} of {OF_KEY} stored bytes" in message(refused)
    assert "SAMPLEBANK_STORED_BYTES_PER_KEY" in message(refused)
    assert bank.get(late.path).status_code == 404


def test_the_keys_of_a_user_share_the_budget_of_the_user_also_a_revoked_key(bank: Bank) -> None:
    name = user(bank, customer(bank))
    other = key(bank, name)
    fill(bank, name, 3)
    bank.data(bank.delete(f"{API}/keys/{bank.keys[f'{name} id']}"))
    fill(bank, other, 1)

    refused = upload(bank, Sample(SIZE), other)

    assert f"your user: {OF_USER} of {OF_USER} stored bytes" in message(refused)
    assert "SAMPLEBANK_STORED_BYTES_PER_USER" in message(refused)


def test_the_users_of_a_customer_share_the_budget_of_the_customer(bank: Bank) -> None:
    home = customer(bank)
    first, second = user(bank, home), user(bank, home)
    fill(bank, first, 3)
    fill(bank, second, 2)

    refused = upload(bank, Sample(SIZE), second)

    assert f"your customer: {OF_CUSTOMER} of {OF_CUSTOMER} stored bytes" in message(refused)
    assert "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER" in message(refused)


def test_everybody_is_told_what_is_used(bank: Bank, small: Service) -> None:
    name = user(bank, customer(bank))
    before = budgets(bank, name)

    fill(bank, name, 1)

    assert before == {"key": (0, OF_KEY), "user": (0, OF_USER), "customer": (0, OF_CUSTOMER)}
    assert budgets(bank, name) == {
        "key": (SIZE, OF_KEY), "user": (SIZE, OF_USER), "customer": (SIZE, OF_CUSTOMER),
    }  # fmt: skip
    assert f"Stored bytes of the key: 0 of {OF_KEY:,}." in small.run("me").stdout


def test_the_bytes_of_a_customer_are_a_figure(bank: Bank) -> None:
    home = customer(bank)
    fill(bank, user(bank, home), 2)

    assert f'customer_stored_bytes{{customer="{home}"}} {2 * SIZE:.1f}' in bank.get(NAMED).text


def test_full_budgets_are_a_finding_that_names_the_fullest_first_and_the_number_of_all(
    alone: Service, tmp_path: Path
) -> None:
    bank = Bank(alone.url, dict(alone.keys))
    home = customer(bank)
    name = user(bank, home)
    other = key(bank, name)
    fill(bank, name, 3)
    fill(bank, other, 1)
    few = alone.run("doctor").stdout
    applied(alone, tmp_path, home, f"storedBytes = {SIZE}")
    for _ in range(20):
        fill(bank, user(bank, customer(bank)), 3)

    many = alone.run("doctor").stdout

    assert f"by key {bank.keys[f'{name} id']} of {name}, user {name}.\n" in few
    assert f"by customer {home}, key " in many
    assert ", and 3 more.\n" in many


def applied(service: Service, folder: Path, customer: str, of_customer: str = "", of_user: str = "") -> str:
    """Apply a tenants file with the customer and a user, each with further lines; the user, who has a key."""
    name = f"user-of-{customer}"
    path = folder / "tenants.toml"
    path.write_text(
        f"""
        [[customer]]
        shortName = "{customer}"
        name = "Customer"
        domain = "here"
        {of_customer}
        [[user]]
        shortName = "{name}"
        customer = "{customer}"
        key = true
        {of_user}
        [[grant]]
        subject = "{name}"
        role = "SAMPLEDB-USER"
        customer = "{customer}"
        """
    )
    service.apply(path)
    return name


def test_an_own_budget_of_the_tenants_file_overrules_the_setting_until_the_file_leaves_it_out(
    small: Service, tmp_path: Path
) -> None:
    home = name_of("customer")
    name = applied(small, tmp_path, home, f"storedBytes = {2 * SIZE}", f"storedBytes = {9 * SIZE}")
    bank = Bank(small.url, dict(small.keys))
    own = {"key": (0, OF_KEY), "user": (0, 9 * SIZE), "customer": (0, 2 * SIZE)}
    assert eventually(lambda: budgets(bank, name) == own)
    fill(bank, name, 2)

    refused = upload(bank, Sample(SIZE), name)
    found = small.run("doctor").stdout
    figures = bank.get(NAMED).text
    applied(small, tmp_path, home)

    assert f"your customer: {2 * SIZE} of {2 * SIZE} stored bytes" in message(refused)
    assert "(storedBytes in the tenants file)" in message(refused)
    assert f"customer {home}" in found
    assert f"user {name}" not in found
    assert f'customer_stored_bytes_budget{{customer="{home}"}} {2 * SIZE:.1f}' in figures
    assert eventually(lambda: budgets(bank, name)["customer"] == (2 * SIZE, OF_CUSTOMER))
    assert budgets(bank, name)["user"] == (2 * SIZE, OF_USER)
    fill(bank, name, 1)


def test_changing_a_customer_by_the_api_leaves_the_own_budget_and_removing_the_customer_takes_it_away(
    small: Service, tmp_path: Path
) -> None:
    home = name_of("customer")
    name = applied(small, tmp_path, home, f"storedBytes = {2 * SIZE}", f"storedBytes = {SIZE}")
    bank = Bank(small.url, dict(small.keys))
    bank.data(bank.put(f"{API}/customers/{home}", {"name": "Another name", "domain": "here"}))
    bank.data(bank.put(f"{API}/users/{name}", {"name": "Another name", "customer": home}))
    own = {"key": (0, OF_KEY), "user": (0, SIZE), "customer": (0, 2 * SIZE)}
    kept = eventually(lambda: budgets(bank, name) == own)
    bank.data(bank.delete(f"{API}/users/{name}"))
    bank.data(bank.delete(f"{API}/customers/{home}"))

    bank.data(bank.put(f"{API}/customers/{home}", {"name": "Back", "domain": "here"}))
    bank.data(bank.put(f"{API}/users/{name}", {"customer": home}))
    key(bank, name, name)

    assert kept
    assert eventually(lambda: budgets(bank, name).get("customer") == (0, OF_CUSTOMER))
    assert budgets(bank, name)["user"] == (0, OF_USER)


def test_known_bytes_are_free_and_a_deletion_gives_room(bank: Bank) -> None:
    name = user(bank, customer(bank))
    samples = fill(bank, name, 3)
    new = Sample(SIZE)

    again = upload(bank, samples[0], name).status_code
    before = upload(bank, new, name).status_code
    bank.delete(samples[0].path)

    assert (again, before) == (200, 429)
    assert eventually(lambda: upload(bank, new, name).status_code == 201)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["stored", "deleted"])
@pytest.mark.parametrize("door", [upload, send])
def test_a_repeat_gets_the_first_answer_also_when_the_budget_is_used_up_and_the_sample_deleted(
    bank: Bank, door: Send, *, is_deleted: bool
) -> None:
    name, sample = user(bank, customer(bank)), Sample(SIZE)
    first = door(bank, sample, name, "once")
    if is_deleted:
        bank.delete(sample.path)
        assert eventually(lambda: budgets(bank, name)["key"][0] == 0)
        fill(bank, name, 3)
    else:
        fill(bank, name, 2)

    again = door(bank, sample, name, "once")
    anew = door(bank, Sample(SIZE), name, "another")

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ("deletedTimestamp" in bank.data(bank.get(sample.path))) == is_deleted
    assert budgets(bank, name)["key"][0] == 3 * SIZE
    assert anew.status_code == 429


@pytest.mark.parametrize("door", [upload, send])
def test_another_file_with_a_used_key_is_a_conflict_and_no_matter_of_the_budget(
    bank: Bank, door: Send
) -> None:
    name = user(bank, customer(bank))
    door(bank, Sample(SIZE), name, "once")
    fill(bank, name, 2)

    assert door(bank, Sample(SIZE), name, "once").status_code == 412
