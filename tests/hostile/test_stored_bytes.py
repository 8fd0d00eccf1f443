"""Who has used up a budget of stored bytes stores nothing new, until something is deleted."""

from collections.abc import Callable, Iterator

import pytest
import requests

from kit.bank import Bank, Sample, eventually, name_of
from kit.service import Service, running

SIZE = 5000
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_STORED_BYTES_PER_USER": str(3 * SIZE),
    "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER": str(4 * SIZE),
}
NAMED = "/samplebank/v1/metrics"
Send = Callable[[Bank, Sample, str], requests.Response]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("small"), SETTINGS) as service:
        yield service


@pytest.fixture
def bank(small: Service) -> Bank:
    return Bank(small.url, small.keys)


def budgets(bank: Bank, user: str) -> dict[str, tuple[int, int]]:
    """What is used, and the most that may be used, by user and customer."""
    told = bank.data(bank.get("/authentication/v1/session", user))["storedBytes"]
    return {one["whose"]: (one["used"], one["most"]) for one in told}


def upload(bank: Bank, sample: Sample, user: str) -> requests.Response:
    return bank.upload(sample, user)


def send(bank: Bank, sample: Sample, user: str) -> requests.Response:
    parameters = {"fileName": name_of("file")}
    return bank.call("POST", "/samplebank/v1/sample", user, data=sample.data, params=parameters)


@pytest.mark.parametrize(("door", "user"), [(upload, "hana"), (send, "nora")], ids=["upload", "send"])
def test_a_user_beyond_the_budget_is_told_and_leaves_nothing(bank: Bank, door: Send, user: str) -> None:
    stored = [door(bank, Sample(SIZE), user).status_code for _ in range(3)]
    late = Sample(SIZE)

    refused = door(bank, late, user)

    assert stored == [201, 201, 201]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    message = refused.json()["messages"][0]["message"]
    assert f"{3 * SIZE} of {3 * SIZE} stored bytes" in message
    assert "SAMPLEBANK_STORED_BYTES_PER_USER" in message
    assert bank.get(late.path).status_code == 404


def test_a_user_is_told_what_is_used(bank: Bank, small: Service) -> None:
    before = budgets(bank, "quinn")

    upload(bank, Sample(SIZE), "quinn")

    after = budgets(bank, "quinn")
    assert (before["user"], after["user"]) == ((0, 3 * SIZE), (SIZE, 3 * SIZE))
    assert after["customer"][0] - before["customer"][0] == SIZE
    assert f"Stored bytes of the user: 0 of {3 * SIZE:,}." in small.run("me").stdout


def test_the_bytes_of_a_customer_are_a_figure_and_a_full_budget_is_a_finding(
    bank: Bank, small: Service
) -> None:
    assert eventually(lambda: upload(bank, Sample(SIZE), "hana").status_code == 429)

    assert f'customer_stored_bytes{{customer="harbour"}} {3 * SIZE:.1f}' in bank.get(NAMED).text
    assert "user hana" in small.run("doctor").stdout


def test_the_users_of_a_customer_share_the_budget_of_the_customer(bank: Bank) -> None:
    stored = [upload(bank, Sample(SIZE), user).status_code for user in ("mia", "mia", "mia", "uploader")]

    refused = upload(bank, Sample(SIZE), "uploader")

    assert stored == [201] * 4
    assert refused.status_code == 429
    assert "your customer" in refused.json()["messages"][0]["message"]


def test_known_bytes_are_free_and_a_deletion_gives_room(bank: Bank) -> None:
    samples = []
    while budgets(bank, "quinn")["user"][0] < 3 * SIZE:
        samples.append(Sample(SIZE))
        bank.submit(samples[-1], "quinn")
    new = Sample(SIZE)

    again = upload(bank, samples[0], "quinn").status_code
    before = upload(bank, new, "quinn").status_code
    bank.delete(samples[0].path)

    assert (again, before) == (200, 429)
    assert eventually(lambda: upload(bank, new, "quinn").status_code == 201)
