"""Every operation for every kind of key: narrowed keys, keys of groups, keys that have lost their rights or have ended."""

from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from architecture.operations import GUARDED, lets_in
from kit.bank import Bank, eventually, name_of
from samplebank.accounts.model import ADMINISTRATOR, ROLES
from samplebank.http.operation import EXTENSIONS

VIEWER = "SAMPLEDB-VIEWER"
SESSION = "/authentication/v1/session"


class Rights(NamedTuple):
    """What a key allows: the role, and whether for every customer."""

    role: str | None = None
    everywhere: bool = False


NOTHING = Rights()
#: kinds of good keys, by what the keys allow
GOOD = {
    "of a member of a group": Rights(VIEWER),
    "of a member of administrators": Rights(ADMINISTRATOR, everywhere=True),
    "of an administrator, for a lesser role": Rights(VIEWER),
    "of an administrator, for a customer": Rights(ADMINISTRATOR),
    "for a customer of others": NOTHING,
    "for a role of others": NOTHING,
    "for a role that was taken back": NOTHING,
    "of a user whose grant was taken back": NOTHING,
    "of a user who left the group": NOTHING,
    "of a member of a removed group": NOTHING,
}
#: kinds of keys that are good no more
ENDED = ("revoked", "expired", "replaced", "of a removed user")


class Keys:
    """Makes users with keys, and asks by the keys."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self.by_kind: dict[str, str] = {}

    def call(self, kind: str, method: str, path: str) -> Any:
        return self._bank.call(method, path, None, headers={"Argus-API-Key": self.by_kind[kind]})

    def put(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._bank.data(self._bank.put(f"{EXTENSIONS}/{path}", body))

    def delete(self, path: str) -> None:
        self._bank.data(self._bank.delete(f"{EXTENSIONS}/{path}"))

    def account(self, kind: str, role: str, customer: str = "mill") -> str:
        """The path of the grant of a new user or group."""
        name = name_of("subject")
        self.put(f"{kind}/{name}", {"customer": "mill"})
        grant = f"accounts/{name}/grants/{role}/{customer}"
        self.put(grant)
        return grant

    def key(self, kind: str, grant: str, **fields: Any) -> str:
        """The path of a new key of the user with the grant."""
        path = f"keys/{uuid4()}"
        self.by_kind[kind] = self.put(path, {"user": grant.split("/")[1], **fields})["key"]
        return path

    def member(self, kind: str, group: str) -> str:
        """The path of a new member of the group with the grant. The member has a key, and no role by itself."""
        user = name_of("member")
        self.put(f"users/{user}", {"customer": "mill"})
        member = f"groups/{group.split('/')[1]}/members/{user}"
        self.put(member)
        self.key(kind, f"accounts/{user}")
        return member


def make_good(keys: Keys) -> None:
    keys.member("of a member of a group", keys.account("groups", VIEWER))
    keys.member("of a member of administrators", keys.account("groups", ADMINISTRATOR, "*"))
    administrator = keys.account("users", ADMINISTRATOR, "*")
    keys.put(administrator.replace(f"{ADMINISTRATOR}/*", f"{VIEWER}/mill"))
    keys.key("of an administrator, for a lesser role", administrator, roles=[VIEWER])
    keys.key("of an administrator, for a customer", administrator, customers=["quarry"])
    keys.key("for a customer of others", keys.account("users", ADMINISTRATOR), customers=["quarry"])
    keys.key("for a role of others", keys.account("users", ADMINISTRATOR, "*"), roles=[VIEWER])


def make_without_rights(keys: Keys) -> None:
    taken_back = keys.account("users", ADMINISTRATOR, "*")
    keys.key("of a user whose grant was taken back", taken_back)
    narrowed = keys.account("users", ADMINISTRATOR, "*")
    keys.key("for a role that was taken back", narrowed, roles=[ADMINISTRATOR])
    keys.put(narrowed.replace(ADMINISTRATOR, VIEWER))
    left = keys.member("of a user who left the group", keys.account("groups", ADMINISTRATOR, "*"))
    removed = keys.account("groups", ADMINISTRATOR, "*")
    keys.member("of a member of a removed group", removed)
    for path in (taken_back, narrowed, left, f"groups/{removed.split('/')[1]}"):
        keys.delete(path)


def make_ended(keys: Keys) -> None:
    user = keys.account("users", ADMINISTRATOR, "*")
    keys.key("expired", user, expiryTimestamp="now + 1 second")
    keys.delete(keys.key("revoked", user))
    replaced = keys.key("replaced", user)
    keys.put(replaced, {"user": user.split("/")[1]})
    keys.key("of a removed user", removed := keys.account("users", ADMINISTRATOR, "*"))
    keys.delete(f"users/{removed.split('/')[1]}")


@pytest.fixture(scope="module")
def keys(bank: Bank) -> Keys:
    """A key of each kind. Each process knows what the key allows."""
    made = Keys(bank)
    for make in (make_good, make_without_rights, make_ended):
        make(made)
    assert eventually(lambda: {made.call(kind, "GET", SESSION).status_code for kind in ENDED} == {401})
    return made


@pytest.mark.parametrize("kind", GOOD)
def test_the_operations_let_in_a_key_that_allows_them(keys: Keys, kind: str) -> None:
    held, everywhere = ROLES.get(GOOD[kind].role or "", frozenset()), GOOD[kind].everywhere

    answers = {operation.id: keys.call(kind, method, path) for method, path, operation in GUARDED}

    let_in = {id_ for id_, answer in answers.items() if answer.status_code != 403}
    assert let_in == {one.id for _, _, one in GUARDED if lets_in(one, held, everywhere=everywhere)}
    assert {id_: answer.text for id_, answer in answers.items() if answer.status_code >= 500} == {}


@pytest.mark.parametrize("kind", ENDED)
def test_no_operation_lets_in_a_key_that_has_ended(keys: Keys, kind: str) -> None:
    statuses = {keys.call(kind, method, path).status_code for method, path, _ in GUARDED}

    assert statuses == {401}
