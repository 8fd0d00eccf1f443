"""Who uses up the database for a minute waits for the next minute, and others do not."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from bench.databases import connected

from kit.bank import ROBOT, Bank
from kit.locks import PATIENCE
from kit.service import Service, running
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Customer, Domain, Subject
from samplebank.errors import TooMany
from samplebank.http.payers import Bounds
from samplebank.http.spending import WINDOW, Spending

SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_DATABASE_SECONDS_PER_USER": "1",
    "SAMPLEBANK_DATABASE_SECONDS_PER_CUSTOMER": "2",
}
RECEIPTS = "/samplebank/v1/receipts"
#: sessions that have waited for a lock of a session for longer than the budget of a user
HAVE_WAITED = """
    SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01)
     WHERE $1 = ANY (pg_blocking_pids(pid)) AND clock_timestamp() - query_start > interval '1.1 s'
"""


@pytest.fixture(scope="module")
def rationed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("rationed"), SETTINGS) as service:
        yield service


async def test_who_has_used_up_the_database_is_told_when_to_come_again_and_others_are_served(
    rationed: Service,
) -> None:
    bank = Bank(rationed.url, rationed.keys)
    async with connected(rationed.database_url) as look, connected(rationed.database_url) as holder:
        async with asyncio.timeout(PATIENCE), holder.transaction():
            await holder.execute("LOCK TABLE receipt IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(asyncio.to_thread(bank.get, RECEIPTS, ROBOT))
            while not await look.fetchval(HAVE_WAITED, holder.get_server_pid()):
                pass
        answered = await asking

    refused = bank.get(RECEIPTS, ROBOT)

    assert (answered.status_code, refused.status_code) == (200, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= WINDOW
    assert "SAMPLEBANK_DATABASE_SECONDS_PER_USER" in refused.json()["messages"][0]["message"]
    assert bank.get(RECEIPTS, "mia").status_code == 200


class Minutes:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(user: int, customer: int, key: int | None = None) -> Caller:
    home = Customer(customer, f"customer{customer}", "Customer", Domain(1, "here"), None)
    key_id = None if key is None else UUID(int=key)
    return Caller(Subject(user, "user", f"user{user}", "User", home), (), {}, key_id=key_id)


def is_refused(spending: Spending, who: Caller) -> bool:
    try:
        spending.check(who)
    except TooMany:
        return True
    return False


def spend(spending: Spending, who: Caller, seconds: float) -> None:
    account = spending.account(who)
    assert account is not None
    account(seconds)


@pytest.mark.parametrize(
    ("bounds", "spenders", "refused", "served"),
    [
        (Bounds(key=3), [caller(1, 1, 1)], caller(1, 1, 1), caller(1, 1, 2)),
        (Bounds(key=3), [caller(1, 1, 1)], caller(1, 1, 1), caller(1, 1)),
        (Bounds(user=5), [caller(1, 1, 1), caller(1, 1, 2)], caller(1, 1, 3), caller(2, 1, 4)),
        (Bounds(user=5, customer=9), [caller(1, 1), caller(1, 1, 2)], caller(1, 1), caller(2, 1)),
        (Bounds(user=4, customer=5), [caller(1, 1), caller(2, 1)], caller(3, 1), caller(4, 2)),
    ],
    ids=["key", "key-and-session", "keys-of-a-user", "user-with-sessions", "users-of-a-customer"],
)
def test_who_shares_a_budget_is_refused_together_until_the_minute_ends(
    bounds: Bounds, spenders: list[Caller], refused: Caller, served: Caller
) -> None:
    clock = Minutes()
    spending = Spending(bounds, clock)

    spending.check(refused)
    for spender in spenders:
        spend(spending, spender, 3)

    assert is_refused(spending, refused)
    assert not is_refused(spending, served)
    clock.now += WINDOW
    assert not is_refused(spending, refused)


@pytest.mark.parametrize("payer", ["key", "user", "customer"])
def test_the_refusal_names_the_setting_and_the_seconds_until_the_minute_ends(payer: str) -> None:
    clock = Minutes()
    spending = Spending(Bounds(**{payer: 3}), clock)
    spend(spending, caller(1, 1, 1), 3)
    clock.now += 20.5

    with pytest.raises(TooMany, match="3 seconds") as refused:
        spending.check(caller(1, 1, 1))

    assert f"SAMPLEBANK_DATABASE_SECONDS_PER_{payer.upper()}" in str(refused.value)
    assert refused.value.wait == 40


def test_zero_is_no_budget_and_nothing_is_counted() -> None:
    free = Spending(Bounds(), Minutes())

    assert free.account(caller(1, 1, 1)) is None
    assert not is_refused(free, caller(1, 1, 1))
