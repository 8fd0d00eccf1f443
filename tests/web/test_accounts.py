"""The pages of accounts: make, change and remove users, groups, customers, rights and keys."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
import requests
from bench.databases import connected

from kit.bank import V2, Bank, eventually, name_of
from kit.service import Service
from kit.visitor import Visitor
from samplebank.web.pages.accounts import MOST, MOST_CUSTOMERS

API = "/samplebank/v1"
Visitors = Callable[[str], Visitor]
ROLE = "SAMPLEDB-VIEWER"


@pytest.fixture
def chief(visitor: Visitors) -> Visitor:
    return visitor("chief")


def made(chief: Visitor, kind: str = "user") -> str:
    name = name_of(kind)
    shown = chief.post(
        "/accounts", {"kind": kind, "shortName": name, "name": f"The {name}", "customer": "mill"}
    )
    assert (shown.status, f"The {name}" in shown.text()) == (200, True)
    return name


def account(bank: Bank, name: str) -> dict[str, Any]:
    return dict(bank.data(bank.get(f"{API}/accounts/{name}")))


def key_in(chief: Visitor, name: str, **fields: str) -> str:
    """The key that the page shows for the form of the page of the account."""
    page = chief.get(f"/accounts/{name}")
    form = {"id": page.all("#keys input[name=id]")[0].attributes["value"], "label": "sensor", **fields}
    return chief.post(f"/accounts/{name}/keys", form).text("#key")


def test_the_list_leads_to_a_new_account(chief: Visitor) -> None:
    name = made(chief)

    assert chief.get("/accounts?offset=0").status == 200
    assert chief.get(f"/accounts/{name}").text("h1").startswith(f"The {name}")


@pytest.fixture
async def many_customers(service: Service) -> AsyncIterator[list[str]]:
    """More customers than a page shows, which are gone behind the test. The last name is behind all others."""
    names = [name_of("zz") for _ in range(MOST_CUSTOMERS)]
    async with connected(service.database_url) as db:
        await db.execute(
            "INSERT INTO customer (short_name, name, domain_id) SELECT name, name, 1 FROM unnest($1::text[]) name",
            names,
        )
        yield sorted(names)
        await db.execute("DELETE FROM customer WHERE short_name = ANY ($1)", names)


async def test_of_many_keys_the_newest_are_shown_and_the_older_ones_told(
    chief: Visitor, bank: Bank, service: Service
) -> None:
    name = made(chief)
    key = key_in(chief, name, label="newest")
    async with connected(service.database_url) as db:
        await db.execute(
            "INSERT INTO api_key (id, user_id, digest, label, created_time)"
            " SELECT gen_random_uuid(), s.id, sha256(gen_random_uuid()::text::bytea), 'key ' || n, n"
            " FROM subject s, generate_series(1, $2) n WHERE s.short_name = $1",
            name,
            MOST + 1,
        )
    pages = [chief.get(f"/accounts/{name}"), Visitor(bank.url).sign_in(key).get("/me")]

    for page in pages:
        assert "The newest 100 keys. 2 older keys are not shown here." in page.text()
        labels = [cell.text() for cell in page.all("td") if cell.text().startswith(("key ", "newest"))]
        assert (labels[0], labels[-1], len(labels)) == ("key 3", "newest", MOST)


async def test_of_many_sessions_the_page_says_that_not_all_are_shown(
    chief: Visitor, bank: Bank, service: Service
) -> None:
    name = made(chief)
    visitor = Visitor(bank.url).sign_in(key_in(chief, name))
    assert not visitor.get("/me").all("#unlisted")
    async with connected(service.database_url) as db:
        await db.execute(
            "INSERT INTO browser_session (id, digest, user_id, label, created_time, seen_time, end_time)"
            " SELECT gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), o.user_id, 'older', o.created_time,"
            " o.seen_time - n, o.end_time FROM browser_session o JOIN subject s ON s.id = o.user_id,"
            " generate_series(1, $2) n WHERE s.short_name = $1",
            name,
            MOST,
        )

    page = visitor.get("/me")

    assert len(page.all("section:first-of-type tbody tr")) == MOST
    assert page.text("#unlisted").startswith(f"The {MOST} sessions used last.")


def test_each_of_many_customers_is_found_and_given_by_name(
    chief: Visitor, bank: Bank, many_customers: list[str]
) -> None:
    last, name = many_customers[-1], name_of("user")
    first = chief.get("/accounts")
    (link,) = [link for link in first.links() if "customers=" in link]

    behind = chief.get(f"/{link.removeprefix('./')}")
    made = chief.post("/accounts", {"kind": "user", "shortName": name, "customer": "mill"})
    form = {"role": ROLE, "customer": "mill"}
    chief.post(f"/accounts/{name}/grants", form)

    assert last not in first.text("#customers")
    assert last in behind.text("#customers")
    for page in (first, behind, made):
        assert {one.tag for one in page.all("[name=customer]:not([type=hidden])")} == {"input"}
    assert account(bank, name)["grants"] == [form]


def test_a_grant_is_given_and_taken_back(chief: Visitor, bank: Bank) -> None:
    name = made(chief)
    grant = {"role": ROLE, "customer": "mill"}

    given = chief.post(f"/accounts/{name}/grants", grant)
    has = account(bank, name)["grants"]
    chief.post(f"/accounts/{name}/grants/remove", grant)

    assert (ROLE in given.text("#grants table"), has) == (True, [grant])
    assert account(bank, name)["grants"] == []


def test_a_user_comes_into_a_group_and_leaves(chief: Visitor, bank: Bank) -> None:
    name, group = made(chief), made(chief, "group")

    shown = chief.post(f"/accounts/{group}/members", {"user": name})
    inside = account(bank, name)["groups"]
    chief.post(f"/accounts/{group}/members/remove", {"user": name})

    assert (name in shown.text("#members"), inside) == (True, [group])
    assert account(bank, name)["groups"] == []


def test_buttons_are_called_by_the_words_on_them(chief: Visitor) -> None:
    """Who speaks to the browser says the words on a button: its name begins with the words."""
    user, group = made(chief), made(chief, "group")
    chief.post(f"/accounts/{group}/grants", {"role": ROLE, "customer": "mill"})
    shown = chief.post(f"/accounts/{group}/members", {"user": user})

    buttons = shown.all("button[aria-label]")

    assert {one.text(): str(one.attributes["aria-label"]) for one in buttons} == {
        "Take back": f"Take back {ROLE} for mill",
        "Take out": f"Take out {user}",
    }


def test_a_key_is_shown_once_and_works(chief: Visitor, bank: Bank) -> None:
    name = made(chief)
    chief.post(f"/accounts/{name}/grants", {"role": ROLE, "customer": "mill"})

    key = key_in(chief, name, expires="now + 90 days")

    assert key not in chief.get(f"/accounts/{name}").text()
    assert eventually(
        lambda: requests.get(f"{bank.url}{V2}/sample", headers={"Argus-API-Key": key}, timeout=60).ok
    )


def test_a_form_that_is_sent_twice_shows_the_key_that_works(chief: Visitor, bank: Bank) -> None:
    name = made(chief)
    form = {"id": str(uuid4()), "label": "sensor", "expires": "now + 90 days"}

    first, second = (chief.post(f"/accounts/{name}/keys", form).text("#key") for _ in range(2))
    changed = chief.post(f"/accounts/{name}/keys", {**form, "label": "other"})

    assert first.startswith("sb_")
    assert second.startswith("sb_")
    assert len(bank.data(bank.get(f"{API}/keys?user={name}"))) == 1
    assert (changed.status, "has made another key already" in changed.text()) == (409, True)


def test_a_key_is_revoked(chief: Visitor, bank: Bank) -> None:
    name = made(chief)
    key_in(chief, name)
    (listed,) = bank.data(bank.get(f"{API}/keys?user={name}"))

    chief.post(f"/accounts/{name}/keys/{listed['id']}/revoke", {})

    (revoked,) = bank.data(bank.get(f"{API}/keys?user={name}"))
    assert "revokedTimestamp" in revoked


def test_an_account_is_removed_only_by_who_writes_its_name(chief: Visitor, bank: Bank) -> None:
    name = made(chief)

    unsure = chief.post(f"/accounts/{name}/remove", {"sure": "yes"})
    before = "removedTimestamp" in account(bank, name)
    removed = chief.post(f"/accounts/{name}/remove", {"sure": name})

    assert (unsure.status, before) == (400, False)
    assert "Removed" in removed.text()
    assert "removedTimestamp" in account(bank, name)


def test_a_customer_is_made_and_removed(chief: Visitor, bank: Bank) -> None:
    name = name_of("firm")
    domain = bank.data(bank.get(f"{API}/customers"))[0]["domain"]
    chief.post("/customers", {"shortName": name, "domain": domain})

    removed = chief.post(f"/customers/{name}/remove", {"sure": name})

    rows = {one["shortName"]: one for one in bank.data(bank.get(f"{API}/customers", limit=0))}
    assert (removed.status, "removedTimestamp" in rows[name]) == (200, True)


def test_a_customer_with_users_is_kept_and_the_page_says_why(chief: Visitor) -> None:
    kept = chief.post("/customers/mill/remove", {"sure": "mill"})

    assert (kept.status, "still has" in kept.text()) == (409, True)


def customer(bank: Bank, name: str) -> dict[str, Any]:
    rows = bank.data(bank.get(f"{API}/customers", limit=0))
    return next(one for one in rows if one["shortName"] == name)


def test_fields_of_a_customer_that_are_left_empty_change_nothing(chief: Visitor, bank: Bank) -> None:
    name = name_of("firm")
    chief.post("/customers", {"shortName": name, "name": "The Firm", "parent": "mill"})
    before = customer(bank, name)

    chief.post("/customers", {"shortName": name, "name": "", "domain": "", "parent": ""})
    after = customer(bank, name)
    chief.post("/customers", {"shortName": name, "parent": "/"})

    assert (before["name"], before["parent"]) == ("The Firm", "mill")
    assert after == before
    assert customer(bank, name) == {key: value for key, value in before.items() if key != "parent"}


def test_fields_of_an_account_that_are_left_empty_change_nothing(chief: Visitor, bank: Bank) -> None:
    name = made(chief)
    before = account(bank, name)

    chief.post("/accounts", {"kind": "user", "shortName": name, "name": "", "customer": ""})

    assert account(bank, name) == before


@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/accounts", {"kind": "king", "shortName": "x", "customer": "mill"}, "kind"),
        ("/accounts", {"kind": "user", "shortName": "two words", "customer": "mill"}, "shortName"),
        ("/accounts", {"kind": "user", "shortName": "x", "customer": "nowhere"}, "customer"),
        ("/accounts", {"kind": "user", "shortName": "x", "name": "X <b>", "customer": ""}, "customer"),
        ("/accounts/mia/grants", {"role": "KING", "customer": "mill"}, "role"),
        ("/accounts/mia/keys", {"id": "none", "label": "sensor"}, ""),
        ("/accounts/mia/keys", {"id": str(uuid4()), "label": "sensor", "expires": "never"}, "expires"),
        ("/accounts/mia/remove", {"sure": ""}, "sure"),
        ("/customers", {"shortName": "x", "domain": "nowhere"}, "domain"),
        ("/customers", {"shortName": "x", "domain": ""}, "domain"),
        ("/customers", {"shortName": "x", "domain": "", "parent": "nowhere"}, "domain"),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_what_was_typed_and_the_reason_at_the_field(
    chief: Visitor, path: str, form: dict[str, str], field: str
) -> None:
    shown = chief.post(path, form)

    (sent,) = [one for one in shown.all("form") if str(one.attributes["action"]).lstrip("./") == path[1:]]
    typed = {
        str(one.attributes["name"]): one.attributes.get("value", "") for one in sent.css("input:not([type])")
    }
    assert shown.status == 400
    assert typed == {**dict.fromkeys(typed, ""), **{one: form[one] for one in typed.keys() & form.keys()}}
    assert [one.attributes["name"] for one in sent.css("[aria-invalid][autofocus]")] == [field][: bool(field)]
    assert [one.text() in shown.text("#not-taken") for one in sent.css(".fault")] == [True][: bool(field)]


def test_only_who_administers_every_customer_is_led_to_the_accounts(visitor: Visitors) -> None:
    links = {name: "Accounts" in visitor(name).get("/").text("footer") for name in ("chief", "boss")}

    assert links == {"chief": True, "boss": False}
