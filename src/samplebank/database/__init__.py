"""PostgreSQL: the pool, transactions, the embedded server, migrations and a small query builder."""

from samplebank.database.connection import Connection, Database, Outrun, connect, open_database
from samplebank.database.identifiers import new_id
from samplebank.database.query import Page, Where, order_by

__all__ = [
    "Connection",
    "Database",
    "Outrun",
    "Page",
    "Where",
    "connect",
    "new_id",
    "open_database",
    "order_by",
]
