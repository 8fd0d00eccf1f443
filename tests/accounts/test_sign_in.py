"""Who somebody is that a provider vouches for, and which groups and keys follow the claims."""

from typing import Any

import pytest

from kit.bank import name_of
from samplebank.accounts import keys, sign_in
from samplebank.accounts.sign_in import Identity, short_name_of
from samplebank.assembly import clock
from samplebank.database import Connection

MILL = "SELECT id FROM customer WHERE short_name = 'mill'"
ADD_GROUP = f"""
    INSERT INTO subject (kind, short_name, name, customer_id) VALUES ('group', $1, $1, ({MILL})) RETURNING id
"""
ADD_RULE = f"""
    INSERT INTO sign_in_rule (position, claim, value, group_id, customer_id) VALUES ($1, 'groups', $2, $3, ({MILL}))
"""
GROUPS = "SELECT group_id FROM group_member WHERE user_id = $1"
WORKS = "SELECT revoked_time IS NULL FROM api_key WHERE id = $1"


class Company:
    """A company whose members of `soc` belong to a group by a rule."""

    def __init__(self, db: Connection, governed: int) -> None:
        self.db = db
        self.governed = governed

    async def admit(self, *, issuer: str = "https://one.example", groups: Any = ("soc",)) -> int | None:
        claims = {"groups": list(groups) if isinstance(groups, tuple) else groups}
        return await sign_in.admit(self.db, Identity(issuer, "alice", claims), now=clock())

    async def groups_of(self, user_id: int) -> set[int]:
        return {row[0] for row in await self.db.fetch(GROUPS, user_id)}


@pytest.fixture
async def company(db: Connection) -> Company:
    governed: int = await db.fetchval(ADD_GROUP, name_of("governed"))
    await db.execute("DELETE FROM sign_in_rule")
    await db.execute(ADD_RULE, 0, "soc", governed)
    return Company(db, governed)


async def test_the_same_subject_of_another_provider_is_somebody_else(company: Company) -> None:
    one, again = await company.admit(), await company.admit()
    other = await company.admit(issuer="https://other.example")

    assert one == again
    assert other not in {one, None}


@pytest.mark.parametrize("groups", ["soc-guests", ["soc-guests"], "", None])
async def test_a_part_of_a_claim_is_not_the_value_of_a_rule(company: Company, groups: Any) -> None:
    assert await company.admit(groups=groups) is None


@pytest.mark.parametrize("groups", ["soc", ["staff", "soc"]])
async def test_a_claim_is_the_value_or_a_list_with_the_value(company: Company, groups: Any) -> None:
    user = await company.admit(groups=groups)

    assert user is not None
    assert await company.groups_of(user) == {company.governed}


async def test_groups_without_a_rule_are_kept_when_the_claims_go(company: Company, db: Connection) -> None:
    user = await company.admit()
    assert user is not None
    by_hand = await db.fetchval(ADD_GROUP, name_of("by-hand"))
    await db.execute("INSERT INTO group_member (group_id, user_id) VALUES ($1, $2)", by_hand, user)

    await company.admit(groups=["staff"])

    assert await company.groups_of(user) == {by_hand}


async def test_keys_end_with_the_claims_where_a_sign_in_gave_the_key(
    company: Company, db: Connection
) -> None:
    user = await company.admit()
    assert user is not None
    by_hand, _ = await keys.issue(db, user, now=clock())
    await sign_in.issue_key(db, user, now=clock(), expiry=clock() + 1000)
    given = await db.fetchval("SELECT id FROM api_key WHERE user_id = $1 AND by_sign_in", user)

    await company.admit(groups=["staff"])

    assert [await db.fetchval(WORKS, key) for key in (by_hand, given)] == [True, False]


@pytest.mark.parametrize("preferred", ["2024", "2024@mill.example"])
def test_a_user_is_not_named_by_a_number(preferred: str) -> None:
    name = short_name_of(Identity("https://one.example", "alice", {"preferred_username": preferred}))

    assert name.startswith("user-")
