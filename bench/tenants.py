"""The accounts of a filled database: a tree of customers, a user for each customer, and two readers with known keys."""

import random
import secrets
from typing import Any

import asyncpg
import msgspec

from samplebank.accounts import caller
from samplebank.accounts.keys import digest
from samplebank.accounts.model import Customer, Domain

DOMAINS = 10
#: customers right below the root; all other customers are below a branch
BRANCHES = 30
TLPS = ("amber", "green", "clear")
VIEWER = "SAMPLEDB-VIEWER"


class Tenants(msgspec.Struct):
    """The accounts that rows refer to. `readers` holds the readers of a row by (customer, TLP)."""

    customers: list[int]
    users: list[int]
    readers: dict[tuple[int, str], tuple[int, ...]]
    #: keys of a reader of all customers (through the root of the tree), and of a reader of one customer
    everyone_key: str
    one_key: str
    one_customer: int


async def make(db: Any, count: int, now: int) -> Tenants:
    """Add `count` customers, as a tenants file would."""
    mark = secrets.token_hex(3)
    names = [f"bench-{mark}-{n:04d}" for n in range(count)]
    domains = [
        await db.fetchval("INSERT INTO domain (name) VALUES ($1) RETURNING id", f"bench-{mark}-{n}")
        for n in range(DOMAINS)
    ]
    parents = [None] + [0 if n <= BRANCHES else 1 + n % BRANCHES for n in range(1, count)]
    ids: list[int] = []
    for n, (name, parent) in enumerate(zip(names, parents, strict=True)):
        values = (name, f"Customer {n}", domains[n % DOMAINS], None if parent is None else ids[parent])
        ids.append(await db.fetchval(
            "INSERT INTO customer (short_name, name, domain_id, parent_id) VALUES ($1, $2, $3, $4) RETURNING id", *values,
        ))  # fmt: skip
    users = [await _user(db, f"user-{name}", id_) for name, id_ in zip(names, ids, strict=True)]
    readers = {}
    for n, id_ in enumerate(ids):
        customer = Customer(id_, names[n], "", Domain(domains[n % DOMAINS], ""), None)
        readers.update({(id_, tlp): tuple(caller.readers(customer, tlp, ())) for tlp in TLPS})
    one = ids[min(BRANCHES + 5, count - 1)]
    everyone_key = await _reader(db, f"everyone-{mark}", ids[0], now)
    one_key = await _reader(db, f"one-{mark}", one, now)
    await db.execute("UPDATE accounts_version SET version = version + 1")
    return Tenants(ids, users, readers, everyone_key, one_key, one)


async def _user(db: asyncpg.Connection, name: str, customer: int) -> int:
    query = (
        "INSERT INTO subject (kind, short_name, name, customer_id) VALUES ('user', $1, $1, $2) RETURNING id"
    )
    id_: int = await db.fetchval(query, name, customer)
    return id_


async def _reader(db: asyncpg.Connection, name: str, customer: int, now: int) -> str:
    user, key = await _user(db, name, customer), "sb_" + secrets.token_urlsafe(32)
    await db.execute("INSERT INTO access_grant VALUES ($1, $2, $3)", user, VIEWER, customer)
    await db.execute(
        "INSERT INTO api_key (id, user_id, digest, created_time) VALUES (gen_random_uuid(), $1, $2, $3)", user, digest(key), now,
    )  # fmt: skip
    return key


def pick(chance: random.Random, things: list[int]) -> int:
    """Pick an index. The first things are picked far more often than the last things."""
    return int(len(things) * chance.random() ** 2)
