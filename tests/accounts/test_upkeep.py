"""`samplebank accounts`: single rights come and go, and what a tenants file gave is taken back, at once and whole."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kit.bank import Bank, eventually, name_of
from kit.locks import session_behind
from kit.service import Service
from kit.visitor import Visitor
from samplebank.accounts import keys, provisioning
from samplebank.database import Database

SESSION = "/authentication/v1/session"


class Person:
    """A user of the mill with a key and a grant, in a group with a grant."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.name, self.group = name_of("user"), name_of("group")
        self.file = folder / "person.toml"
        self.file.write_text(
            f'[[user]]\nshortName = "{self.name}"\ncustomer = "mill"\nkey = true\n'
            f'[[group]]\nshortName = "{self.group}"\ncustomer = "mill"\nmembers = ["{self.name}"]\n'
            f'[[grant]]\nsubject = "{self.name}"\nrole = "SAMPLEDB-UPLOADER"\ncustomer = "mill"\n'
            f'[[grant]]\nsubject = "{self.group}"\nrole = "SAMPLEDB-VIEWER"\ncustomer = "*"\n'
        )
        self.key: str = self.apply()[self.name]
        self.bank = Bank(service.url, {self.name: self.key})

    def apply(self) -> dict[str, str]:
        done = self.service.run("apply", str(self.file), "--json")
        assert done.returncode == 0, done.stderr
        keys: dict[str, str] = json.loads(done.stdout)["keys"]
        return keys

    def accounts(self, *arguments: str) -> str:
        done = self.service.run("accounts", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(self, name: str) -> dict[str, Any]:
        accounts = json.loads(self.accounts("list", "--json"))["accounts"]
        (account,) = [one for one in accounts if one["shortName"] == name]
        return dict(account)

    def permissions(self) -> set[str]:
        return set(self.bank.data(self.bank.get(SESSION, self.name))["permissions"])


@pytest.fixture
def person(service: Service, tmp_path: Path) -> Person:
    return Person(service, tmp_path)


def test_users_and_groups_are_listed_with_groups_and_grants(person: Person) -> None:
    user = person.listed(person.name)

    assert (user["customer"], user["groups"]) == ("mill", [person.group])
    assert user["grants"] == ["SAMPLEDB-UPLOADER for mill"]


def test_a_removed_user_is_out_and_leaves_no_key_and_no_session(person: Person) -> None:
    visitor = Visitor(person.service.url).sign_in(person.key)

    said = person.accounts("remove-user", person.name)

    assert "with 1 grants, 1 memberships, 1 keys and 1 sessions" in said
    assert eventually(lambda: person.bank.get(SESSION, person.name).status_code == 401)
    assert eventually(lambda: visitor.get("/jobs", follow=False).status == 303)
    assert person.listed(person.name)["removedTimestamp"] is not None


def test_a_removed_user_gets_neither_key_nor_link(person: Person) -> None:
    person.accounts("remove-user", person.name)

    key = person.service.run("key", "create", person.name)
    link = person.service.run("login", person.name)

    assert (key.returncode, link.returncode) == (1, 1)
    assert "There is no user" in key.stderr


def test_a_tenants_file_brings_a_removed_user_back_with_what_the_file_says(person: Person) -> None:
    person.accounts("remove-user", person.name)

    key = person.apply()[person.name]

    back = Bank(person.service.url, {person.name: key})
    assert person.listed(person.name)["removedTimestamp"] is None
    assert back.get(SESSION, person.name).status_code == 200
    assert person.bank.get(SESSION, person.name).status_code == 401


def test_a_tenants_file_leaves_members_of_groups_that_the_file_does_not_name(
    person: Person, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "another").mkdir()

    Person(service, tmp_path / "another")

    assert person.listed(person.name)["groups"] == [person.group]


async def test_no_key_that_is_made_meanwhile_outlives_the_user(person: Person, database: Database) -> None:
    async with database.transaction() as one:
        user_id = await provisioning.get_user_id(one, person.name)
        removing = asyncio.create_task(asyncio.to_thread(person.accounts, "remove-user", person.name))
        await session_behind(database, one)
        _, key = await keys.issue(one, user_id, now=database.clock.now())
    said = await removing

    bank = Bank(person.service.url, {person.name: key})
    assert "2 keys" in said
    assert bank.get(SESSION, person.name).status_code == 401


def test_a_removed_grant_or_membership_is_gone_at_once(person: Person) -> None:
    before = person.permissions()

    person.accounts("remove-grant", person.name, "SAMPLEDB-UPLOADER", "mill")
    person.accounts("remove-member", person.group, person.name)

    assert {"submitSample", "viewSamples"} <= before
    assert eventually(lambda: person.permissions() == set())


def test_an_added_grant_or_membership_holds_at_once_beside_the_others(person: Person) -> None:
    person.accounts("remove-member", person.group, person.name)

    person.accounts("add-grant", person.name, "SAMPLEDB-WORKER", "*")
    person.accounts("add-member", person.group, person.name)
    person.accounts("add-member", person.group, person.name)

    assert eventually(lambda: {"viewAnalysisWorker", "viewSamples", "submitSample"} <= person.permissions())
    assert person.listed(person.name)["grants"] == ["SAMPLEDB-UPLOADER for mill", "SAMPLEDB-WORKER for *"]


def test_a_removed_group_takes_its_grants_along(person: Person) -> None:
    person.accounts("remove-group", person.group)

    assert eventually(lambda: "viewSamples" not in person.permissions())
    assert person.listed(person.group)["grants"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add-member", "guests", "nobody-of-that-name"), "There is no user"),
        (("add-member", "mia", "mia"), "There is no group"),
        (("add-grant", "nobody-of-that-name", "SAMPLEDB-USER", "*"), "There is no user or group"),
        (("add-grant", "mia", "SAMPLEDB-USER", "moon"), "There is no customer"),
        (("remove-user", "nobody-of-that-name"), "There is no user"),
        (("remove-user", "guests"), "There is no user"),
        (("remove-user", "admin"), "does not start without the user admin"),
        (("remove-group", "mia"), "There is no group"),
        (("remove-member", "guests", "mia"), "There is no user 'mia' in a group 'guests'"),
        (("remove-grant", "mia", "SAMPLEDB-USER", "*"), "for every customer"),
        (("remove-grant", "chief", "ADMINISTRATOR-ROLE", "moon"), "for the customer 'moon'"),
    ],
)
def test_what_is_not_there_is_neither_given_nor_taken(
    service: Service, arguments: tuple[str, ...], said: str
) -> None:
    done = service.run("accounts", *arguments)

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert said in done.stderr
