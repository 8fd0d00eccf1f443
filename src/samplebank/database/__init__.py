"""PostgreSQL: the pool, transactions, the embedded server, migrations and a small query builder."""

from samplebank.database.columns import Columns, Made, Shape
from samplebank.database.connection import Connection, Database, Outrun, connect, open_database
from samplebank.database.identifiers import new_id
from samplebank.database.query import Page, Where, order_by
from samplebank.database.statement import Statement

__all__ = [
    "Columns",
    "Connection",
    "Database",
    "Made",
    "Outrun",
    "Page",
    "Shape",
    "Statement",
    "Where",
    "connect",
    "new_id",
    "open_database",
    "order_by",
]
