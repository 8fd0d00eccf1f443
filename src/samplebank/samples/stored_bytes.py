"""Stored bytes by customer, user and key: who first stored the bytes of a sample is charged until the sample is deleted.

Bytes that workers find inside of a sample are charged to the customer of the submission alone, as user `NOBODY` and key `NO_KEY`.
A session that began without a key stores bytes as key `NO_KEY`, too. Bytes of a revoked key stay charged to user and customer.
"""

from typing import NamedTuple
from uuid import UUID

from samplebank.accounts.caller import Scope
from samplebank.database import Connection, Statement
from samplebank.database.tally import Tally

NOBODY = 0
NO_KEY = UUID(int=0)
ROWS = f"""
    SELECT charged_customer_id AS customer_id, coalesce(charged_user_id, {NOBODY}) AS user_id,
           coalesce(charged_key_id, '{NO_KEY}') AS key_id, size AS bytes
      FROM sample WHERE charged_customer_id IS NOT NULL AND deleted_time IS NULL
"""


class StoredBytes(Tally):
    """The tally. `user_id` is `NOBODY` for what is charged to a customer alone, and `key_id` is `NO_KEY` without a key."""

    sums = ("bytes",)

    def __init__(self) -> None:
        super().__init__("stored_bytes", "customer_id", "user_id", "key_id")

    def _folded(self) -> str:
        return f"SELECT {self.keys}, sum(bytes) AS bytes FROM changes GROUP BY {self.keys}"

    async def disagreements(self, db: Connection) -> int:
        """The number of customers, users and keys whose bytes differ from what adding up the samples gives: 0."""
        found: int = await db.fetchval(f"""
            SELECT count(*) FROM (
                SELECT FROM (
                    SELECT {self.keys}, bytes FROM {self.table}
                    UNION ALL SELECT {self.keys}, bytes FROM {self.changes}
                    UNION ALL SELECT {self.keys}, -bytes FROM ({ROWS}) r
                ) one GROUP BY {self.keys} HAVING sum(bytes) <> 0
            ) wrong
        """)
        return found

    async def recount(self, db: Connection) -> None:
        """Add the samples up anew. Writers of samples wait. `db` must be in a transaction."""
        await db.execute(f"""
            LOCK TABLE sample, {self.changes}, {self.table} IN SHARE ROW EXCLUSIVE MODE;
            DELETE FROM {self.changes}; DELETE FROM {self.table};
            INSERT INTO {self.table} ({self.keys}, bytes)
            SELECT {self.keys}, sum(bytes) FROM ({ROWS}) r GROUP BY {self.keys}
        """)


STORED = StoredBytes()
#: what is charged; the same customer, user and key may come more than once
CHARGED = f"(SELECT {STORED.keys}, bytes FROM {STORED.table} UNION ALL SELECT {STORED.keys}, bytes FROM {STORED.changes})"
USED = Statement(f"""
    SELECT (SELECT coalesce(sum(bytes), 0) FROM {CHARGED} c WHERE key_id = :key_id::uuid)::bigint,
           (SELECT coalesce(sum(bytes), 0) FROM {CHARGED} c WHERE user_id = :user_id::bigint)::bigint,
           (SELECT coalesce(sum(bytes), 0) FROM {CHARGED} c WHERE customer_id = :customer_id::bigint)::bigint
""")
#: the customers that are nearest to their budget first, then the customers with most bytes
BY_CUSTOMER = Statement(f"""
    SELECT t.customer_id, t.used, coalesce(o.stored_bytes, nullif(:of_customer::bigint, 0)) AS budget FROM (
        SELECT customer_id, sum(bytes)::bigint AS used FROM {CHARGED} c
         WHERE :everywhere::boolean OR customer_id = ANY (:customers::bigint[])
         GROUP BY customer_id HAVING sum(bytes) > 0
    ) t JOIN customer o ON o.id = t.customer_id
     ORDER BY t.used::float8 / coalesce(o.stored_bytes, nullif(:of_customer, 0)) DESC NULLS LAST, t.used DESC, t.customer_id
     LIMIT :most::int
""")
#: the fullest first
FULL = Statement(f"""
    SELECT whose, count(*) OVER () AS number FROM (
        SELECT 'customer ' || o.short_name, n / coalesce(o.stored_bytes, nullif(:of_customer::bigint, 0)) FROM (
            SELECT customer_id, sum(bytes) AS n FROM {CHARGED} c GROUP BY customer_id
        ) t JOIN customer o ON o.id = t.customer_id
        UNION ALL
        SELECT 'user ' || o.short_name, n / coalesce(o.stored_bytes, nullif(:of_user::bigint, 0)) FROM (
            SELECT user_id, sum(bytes) AS n FROM {CHARGED} c GROUP BY user_id
        ) t JOIN subject o ON o.id = t.user_id
        UNION ALL
        SELECT 'key ' || k.id || ' of ' || o.short_name, n / nullif(:of_key::bigint, 0) FROM (
            SELECT key_id, sum(bytes) AS n FROM {CHARGED} c GROUP BY key_id
        ) t JOIN api_key k ON k.id = t.key_id JOIN subject o ON o.id = k.user_id WHERE k.revoked_time IS NULL
    ) one (whose, share) WHERE share >= 0.9
     ORDER BY share DESC, whose LIMIT :most::int
""")


class Used(NamedTuple):
    """The bytes that are charged to a key, to a user, and to all of a customer."""

    by_key: int
    by_user: int
    by_customer: int


class Charged(NamedTuple):
    """The bytes that are charged to a customer, and the budget of the customer; None without a budget."""

    customer_id: int
    used: int
    budget: int | None


async def used(db: Connection, *, key_id: UUID | None, user_id: int, customer_id: int) -> Used:
    """What is charged to the key, to the user and to the customer, exact at this moment. A caller without a key has nothing of a key."""
    return Used(*await USED.row(db, key_id=key_id, user_id=user_id, customer_id=customer_id))


async def by_customer(db: Connection, scope: Scope, *, of_customer: int, most: int) -> list[Charged]:
    """What is charged to customers of `scope`: nearest to their budget first, then with most bytes.

    `of_customer` is the budget of customers without an own budget; 0 for no budget.
    """
    rows = await BY_CUSTOMER.rows(
        db,
        everywhere=scope.everywhere,
        customers=list(scope.customers),
        of_customer=of_customer,
        most=most,
    )
    return [Charged(**row) for row in rows]


async def nearly_full(
    db: Connection, *, of_key: int, of_user: int, of_customer: int, most: int
) -> tuple[list[str], int]:
    """The `most` fullest keys, users and customers that have used up nine tenths of a budget, and the number of all of them.

    The budgets are for users and customers without an own budget; 0 for no budget.
    """
    rows = await FULL.rows(db, of_key=of_key, of_user=of_user, of_customer=of_customer, most=most)
    return [row["whose"] for row in rows], rows[0]["number"] if rows else 0
