"""Access control lists share with known accounts, and tell nobody which other accounts exist."""

import re
from typing import Any

import pytest
import requests

from hunts.hunting import HUNT, rules_for
from kit.bank import AGENT, V2, Bank, Sample, fields_of, name_of
from kit.policy_rules import RULES
from samplebank.api.acl import MOST
from samplebank.database import Connection, Database


async def id_of(database: Database, short_name: str) -> int:
    async with database.connection() as db:
        id_: int = await db.fetchval("SELECT id FROM subject WHERE short_name = $1", short_name)
    return id_


def share(bank: Bank, acl: list[Any], user: str = "mia") -> requests.Response:
    sample = Sample()
    body = bank.submission_body(bank.token(sample, user), acl=acl)
    return bank.post(f"{sample.path}/submission", body, user)


@pytest.mark.parametrize("subject", ["nora", "guests"])
async def test_subjects_of_ones_own_domain_are_named_by_number(
    bank: Bank, database: Database, subject: str
) -> None:
    shared = share(bank, [await id_of(database, subject)])

    assert shared.status_code == 201
    assert [entry["subject"]["shortName"] for entry in shared.json()["data"]["acl"]] == [subject]


async def test_a_number_of_another_domain_says_no_more_than_one_of_nobody(
    bank: Bank, database: Database
) -> None:
    name = name_of("stranger")
    bank.data(bank.put(f"/samplebank/v1/users/{name}", {"customer": "harbour"}))
    stranger = await id_of(database, name)

    refused = share(bank, [stranger], "nora")
    unknown = share(bank, [987654321], "nora")

    assert (refused.status_code, fields_of(refused)) == (412, {"acl[0]"})
    # the number alone: other numbers of the answer may have the same digits
    assert re.sub(rf"\b{stranger}\b", "X", refused.text) == unknown.text.replace("987654321", "X")


async def test_whom_one_has_met_is_named_by_number(bank: Bank, database: Database) -> None:
    assert share(bank, ["hana"], "quinn").status_code == 201

    again = share(bank, [await id_of(database, "hana")], "quinn")

    assert again.status_code == 201


def test_an_acl_has_a_length(bank: Bank) -> None:
    refused = share(bank, ["nora"] * (MOST + 1))

    assert (refused.status_code, fields_of(refused)) == (412, {"acl"})


@pytest.mark.parametrize("table", ["submission", "link"])
async def test_every_index_has_room_for_the_longest_acl(bank: Bank, db: Connection, table: str) -> None:
    sample = bank.submitted()
    link = {"reference": sample.sha256, "type": "child", "tlp": "amber", "userAgent": AGENT}
    assert bank.post(f"{sample.path}/link", link).ok

    # of the customer, of the domain, and of subjects whose numbers have nothing in common
    longest = f"ARRAY[-1] || ARRAY(SELECT hashint8extended(n, 1) FROM generate_series(0, {MOST}) n)"
    find = "SELECT id FROM sample WHERE sha256 = $1"
    changed = await db.execute(
        f"UPDATE {table} SET readers = {longest} WHERE sample_id = ({find})", bytes.fromhex(sample.sha256)
    )

    assert changed == "UPDATE 1"


def bodies_for(customer: int) -> dict[str, dict[str, Any]]:
    """What names a customer, by the path below a sample, or by the whole path."""
    noted = {"customer": customer, "tlp": "amber"}
    found = {**noted, "userAgent": AGENT}
    rule = {
        "name": "a rule",
        "description": "of a customer",
        "match": {"customer": {"customerOrGroup": [customer]}},
        "action": {"options": {"set": [{"key": "a", "value": "b"}]}},
    }
    return {
        "analysis": {**found, "analysisResult": {}, "analysisScore": 0},
        "link": {**found, "reference": "0" * 64, "type": "child"},
        "notes": {"text": "seen", **noted},
        HUNT: {"rules": rules_for("seen"), "customer": customer},
        RULES: rule,
    }


@pytest.mark.parametrize("path", bodies_for(0))
async def test_the_number_of_a_customer_one_does_not_know_says_no_more_than_one_of_nobody(
    bank: Bank, database: Database, path: str
) -> None:
    async with database.connection() as db:
        harbour = await db.fetchval("SELECT id FROM customer WHERE short_name = 'harbour'")
    sample = bank.submitted("mia")
    version = "/samplebank/v1" if path == "notes" else V2
    place = path if path.startswith("/") else f"{version}/sample/{sample.sha256}/{path}"

    refused, unknown = (
        bank.post(place, bodies_for(number)[path], "boss" if path == RULES else "analyzer")
        for number in (harbour, 987654321)
    )

    assert (refused.status_code, unknown.status_code) == (412, 412)
    assert re.sub(rf"\b{harbour}\b", "X", refused.text) == unknown.text.replace("987654321", "X")


async def test_a_submission_names_only_known_customers_by_number(bank: Bank, database: Database) -> None:
    async with database.connection() as db:
        ids = dict(await db.fetch("SELECT short_name, id FROM customer"))
    sample = Sample()
    token = bank.token(sample)

    answers = {
        name: bank.post(
            f"{sample.path}/submission", bank.submission_body(token, customer=ids[name]), "mia"
        ).status_code
        for name in ("harbour", "quarry", "mill-dock")
    }

    assert answers == {"harbour": 412, "quarry": 412, "mill-dock": 201}


@pytest.mark.parametrize("user", ["nobody", "mia"])
def test_a_filter_of_service_tasks_tells_nothing_of_users(bank: Bank, user: str) -> None:
    of_hana = bank.get(f"{V2}/servicetask?user=hana", user)
    of_none = bank.get(f"{V2}/servicetask?user=huno", user)

    assert of_hana.status_code == 412
    assert of_hana.text.replace("hana", "X") == of_none.text.replace("huno", "X")
