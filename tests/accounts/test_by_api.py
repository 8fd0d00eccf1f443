"""Users, groups, grants and keys by the API: made, changed and taken back by whoever manages accounts for every customer."""

import asyncio
import secrets
from typing import Any
from uuid import uuid4

import pytest
import requests

from kit.bank import V2, Bank, eventually, fields_of, later, name_of
from samplebank.accounts import first_accounts, upkeep
from samplebank.accounts.model import ADMINISTRATOR
from samplebank.database import Database, Statement
from samplebank.errors import Conflict

API = "/samplebank/v1"
ROLE = "SAMPLEDB-VIEWER"
#: an account with a name as releases up to 0.5 took
RENAME = Statement("UPDATE subject SET short_name = :name WHERE short_name = :earlier")


def user(bank: Bank, customer: str = "mill") -> str:
    """A new user."""
    name = name_of("user")
    bank.data(bank.put(f"{API}/users/{name}", {"customer": customer}))
    return name


def group(bank: Bank) -> str:
    name = name_of("group")
    bank.data(bank.put(f"{API}/groups/{name}", {"customer": "mill"}))
    return name


def account(bank: Bank, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bank.data(bank.get(f"{API}/accounts/{name}"))
    return found


def grant(bank: Bank, name: str, role: str = ROLE, customer: str = "mill") -> requests.Response:
    return bank.put(f"{API}/accounts/{name}/grants/{role}/{customer}")


def put_key(bank: Bank, name: str, id_: str = "", **fields: Any) -> requests.Response:
    return bank.put(f"{API}/keys/{id_ or uuid4()}", {"user": name, **fields})


def status_with(bank: Bank, key: str) -> int:
    return requests.get(f"{bank.url}{V2}/sample", headers={"Argus-API-Key": key}, timeout=60).status_code


def reader(bank: Bank) -> tuple[str, dict[str, Any]]:
    """A user who may read, and the user's key, which works."""
    name = user(bank)
    bank.data(grant(bank, name))
    made = bank.data(put_key(bank, name))
    assert eventually(lambda: status_with(bank, made["key"]) == 200)
    return name, made


def test_a_user_is_made_and_listed(bank: Bank) -> None:
    name = name_of("user")

    made = bank.data(bank.put(f"{API}/users/{name}", {"customer": "mill", "name": "Somebody"}))

    assert made == {
        "kind": "user", "shortName": name, "name": "Somebody", "customer": "mill", "groups": [], "grants": [],
    }  # fmt: skip
    assert made in bank.data(bank.get(f"{API}/accounts", limit=0))


def test_a_user_who_is_there_is_changed_and_keeps_all_rights(bank: Bank) -> None:
    name = user(bank)
    bank.data(grant(bank, name))

    changed = bank.data(bank.put(f"{API}/users/{name}", {"customer": "quarry", "name": "Moved"}))

    assert (changed["customer"], changed["name"]) == ("quarry", "Moved")
    assert changed["grants"] == [{"role": ROLE, "customer": "mill"}]


def test_users_and_groups_share_their_names(bank: Bank) -> None:
    refused = bank.put(f"{API}/groups/{user(bank)}", {"customer": "mill"})

    assert refused.status_code == 412


def test_all_that_is_wrong_with_an_account_is_told_at_once(bank: Bank) -> None:
    refused = bank.put(f"{API}/users/{'x' * 101}", {"customer": "no customer", "name": ""})

    assert (refused.status_code, fields_of(refused)) == (412, {"shortName", "customer", "name"})


@pytest.mark.parametrize("kind", ["users", "groups"])
def test_a_new_account_cannot_be_named_by_a_number(bank: Bank, kind: str) -> None:
    """A number in a request is an id: readers named by such a name would be somebody else."""
    refused = bank.put(f"{API}/{kind}/7000001", {"customer": "nowhere"})

    assert (refused.status_code, fields_of(refused)) == (412, {"shortName", "customer"})
    assert "put a letter in it" in refused.text


async def test_an_account_that_is_named_by_a_number_can_be_changed(bank: Bank, database: Database) -> None:
    name = str(secrets.randbelow(10**9) + 10**9)
    earlier = user(bank)
    async with database.transaction() as db:
        await RENAME.run(db, name=name, earlier=earlier)

    changed = bank.data(bank.put(f"{API}/users/{name}", {"customer": "quarry", "name": "Moved"}))

    assert (changed["shortName"], changed["customer"]) == (name, "quarry")


def test_an_account_of_an_unknown_customer_is_refused(bank: Bank) -> None:
    refused = bank.put(f"{API}/users/{name_of('user')}", {"customer": "nowhere"})

    assert (refused.status_code, "nowhere" in refused.text) == (412, True)


def test_a_key_works_once_the_user_has_a_grant(bank: Bank) -> None:
    name = user(bank)
    key = bank.data(put_key(bank, name))["key"]
    before = status_with(bank, key)
    bank.data(grant(bank, name))

    assert before == 403
    assert eventually(lambda: status_with(bank, key) == 200)


def test_a_group_gives_its_grants_to_its_members(bank: Bank) -> None:
    name, team = user(bank), group(bank)
    key = bank.data(put_key(bank, name))["key"]
    bank.data(grant(bank, team))

    member = bank.data(bank.put(f"{API}/groups/{team}/members/{name}"))

    assert member["groups"] == [team]
    assert eventually(lambda: status_with(bank, key) == 200)


def test_a_member_who_leaves_has_the_grants_no_more(bank: Bank) -> None:
    name, team = user(bank), group(bank)
    bank.data(grant(bank, team))
    bank.data(bank.put(f"{API}/groups/{team}/members/{name}"))
    key = bank.data(put_key(bank, name))["key"]
    assert eventually(lambda: status_with(bank, key) == 200)

    left = bank.data(bank.delete(f"{API}/groups/{team}/members/{name}"))

    assert left["groups"] == []
    assert eventually(lambda: status_with(bank, key) == 403)


def test_a_grant_is_taken_back(bank: Bank) -> None:
    name, made = reader(bank)

    left = bank.data(bank.delete(f"{API}/accounts/{name}/grants/{ROLE}/mill"))

    assert left["grants"] == []
    assert eventually(lambda: status_with(bank, made["key"]) == 403)


def test_a_removed_user_has_no_key_and_no_right(bank: Bank) -> None:
    name, made = reader(bank)

    taken = bank.data(bank.delete(f"{API}/users/{name}"))

    assert taken == {"grants": 1, "memberships": 0, "keys": 1, "sessions": 0}
    assert eventually(lambda: status_with(bank, made["key"]) == 401)
    assert "removedTimestamp" in account(bank, name)


def test_a_removed_group_gives_nothing(bank: Bank) -> None:
    team = group(bank)
    bank.data(grant(bank, team))

    assert bank.data(bank.delete(f"{API}/groups/{team}"))["grants"] == 1
    assert account(bank, team)["grants"] == []


def test_a_revoked_key_ends_and_stays_in_the_list(bank: Bank) -> None:
    name, made = reader(bank)

    revoked = [bank.data(bank.delete(f"{API}/keys/{made['id']}")) for _ in range(2)]

    assert revoked[0] == revoked[1]
    assert eventually(lambda: status_with(bank, made["key"]) == 401)
    assert bank.data(bank.get(f"{API}/keys?user={name}")) == [revoked[0]]


def test_a_key_is_shown_only_in_the_answer_that_makes_the_key(bank: Bank) -> None:
    name = user(bank)
    made = bank.data(put_key(bank, name, label="sensor"))

    (listed,) = bank.data(bank.get(f"{API}/keys?user={name}"))

    assert listed == {field: value for field, value in made.items() if field != "key"}


def test_whoever_lost_the_answer_asks_again_and_the_lost_key_ends(bank: Bank) -> None:
    name, id_ = user(bank), str(uuid4())
    bank.data(grant(bank, name))
    lost, kept = [bank.data(put_key(bank, name, id_))["key"] for _ in range(2)]

    assert eventually(lambda: (status_with(bank, lost), status_with(bank, kept)) == (401, 200))
    assert len(bank.data(bank.get(f"{API}/keys?user={name}"))) == 1


def test_a_key_that_ends_in_90_days_is_asked_for_again_as_any_other(bank: Bank) -> None:
    """The same words name another moment each time."""
    name, id_ = user(bank), str(uuid4())
    first = bank.data(put_key(bank, name, id_, expiryTimestamp="now + 90 days"))
    later(first["createdTimestamp"])

    again = bank.data(put_key(bank, name, id_, expiryTimestamp="now + 90 days"))

    assert again["key"] != first["key"]
    assert again["expiryTimestamp"] == first["expiryTimestamp"]


@pytest.mark.parametrize(
    "other",
    [{"label": "other"}, {"roles": [ROLE]}, {"customers": ["mill"]}, {"expiryTimestamp": "now + 1 day"}],
)
def test_an_id_of_another_key_is_refused(bank: Bank, other: dict[str, Any]) -> None:
    name, id_ = user(bank), str(uuid4())
    bank.data(put_key(bank, name, id_))

    assert put_key(bank, name, id_, **other).status_code == 412


def test_the_id_of_a_revoked_key_is_refused(bank: Bank) -> None:
    name, made = reader(bank)
    bank.data(bank.delete(f"{API}/keys/{made['id']}"))

    assert put_key(bank, name, made["id"]).status_code == 412


def test_the_id_of_an_expired_key_is_refused(bank: Bank) -> None:
    """The key would have ended with the key before."""
    name, id_ = user(bank), str(uuid4())
    made = bank.data(put_key(bank, name, id_, expiryTimestamp="now + 1 second"))
    assert eventually(lambda: status_with(bank, made["key"]) == 401)

    assert put_key(bank, name, id_, expiryTimestamp="now + 1 second").status_code == 412


def test_a_key_that_is_narrowed_to_nothing_is_refused(bank: Bank) -> None:
    """A program that leaves no role must not get a key with all roles of the user."""
    refused = put_key(bank, user(bank), roles=[], customers=[])

    assert (refused.status_code, fields_of(refused)) == (412, {"roles", "customers"})
    assert "Leave the field out" in refused.text


def test_all_that_is_wrong_with_a_key_is_told_at_once(bank: Bank) -> None:
    refused = put_key(
        bank, "nobody-at-all", "no-id", roles=["KING"], customers=["nowhere"], expiryTimestamp=1
    )

    told = {"keyID", "user", "roles[0]", "customers[0]", "expiryTimestamp"}
    assert (refused.status_code, fields_of(refused)) == (412, told)


@pytest.mark.parametrize(
    "path",
    [
        "users/{}",
        "groups/{}",
        "groups/{}/members/mia",
        "accounts/{}/grants/SAMPLEDB-USER/mill",
        "keys/" + "0" * 32,
    ],
)
def test_what_is_not_there_cannot_be_removed(bank: Bank, path: str) -> None:
    assert bank.delete(f"{API}/{path.format(name_of('nobody'))}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["a%00b", "a%20b", "x" * 300])
def test_a_text_that_can_be_no_name_is_nobody(bank: Bank, method: str, name: str) -> None:
    path = "accounts" if method == "GET" else "users"

    assert bank.call(method, f"{API}/{path}/{name}").status_code == 404


def test_an_unknown_role_and_a_wrong_customer_are_told_at_once(bank: Bank) -> None:
    refused = grant(bank, user(bank), "KING", "no customer")

    assert (refused.status_code, fields_of(refused)) == (412, {"role", "customer"})


def test_who_administers_one_customer_only_gives_no_rights(bank: Bank) -> None:
    answer = bank.put(f"{API}/accounts/boss/grants/ADMINISTRATOR-ROLE/*", user="boss")

    assert answer.status_code == 403


ADMIN, SECOND = first_accounts.ADMIN, "second"


@pytest.fixture
async def administered(accounts: Database) -> Database:
    """A database with two users who manage accounts."""
    async with accounts.transaction() as db:
        await upkeep.put(db, "user", SECOND, name=SECOND, customer="default")
        await upkeep.add_grant(db, SECOND, ADMINISTRATOR, "*")
    return accounts


async def take_from(database: Database, name: str) -> str:
    """What becomes of taking the right to manage accounts from a user."""
    try:
        async with database.transaction() as db:
            await upkeep.remove_grant(db, name, ADMINISTRATOR, "*")
            await upkeep.require_administrator(db)
    except Conflict:
        return "refused"
    return "taken"


async def test_two_who_take_each_other_s_rights_at_once_leave_one_who_manages_accounts(
    administered: Database,
) -> None:
    done = await asyncio.gather(*(take_from(administered, name) for name in (ADMIN, SECOND)))

    assert sorted(done) == ["refused", "taken"]


async def test_a_removed_user_and_an_empty_group_manage_no_accounts(administered: Database) -> None:
    async with administered.transaction() as db:
        await upkeep.put(db, "group", "empty", name="empty", customer="default")
        await upkeep.add_grant(db, "empty", ADMINISTRATOR, "*")
        await upkeep.remove_user(db, SECOND, now=2)

    assert await take_from(administered, ADMIN) == "refused"


async def test_who_administers_one_customer_only_manages_no_accounts(administered: Database) -> None:
    async with administered.transaction() as db:
        await upkeep.remove_grant(db, SECOND, ADMINISTRATOR, "*")
        await upkeep.add_grant(db, SECOND, ADMINISTRATOR, "default")

    assert await take_from(administered, ADMIN) == "refused"


async def test_a_member_of_a_group_manages_accounts(administered: Database) -> None:
    async with administered.transaction() as db:
        await upkeep.put(db, "group", "team", name="team", customer="default")
        await upkeep.add_grant(db, "team", ADMINISTRATOR, "*")
        await upkeep.add_member(db, "team", SECOND)
        await upkeep.remove_grant(db, SECOND, ADMINISTRATOR, "*")

    assert await take_from(administered, ADMIN) == "taken"
