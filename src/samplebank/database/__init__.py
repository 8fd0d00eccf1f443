"""PostgreSQL: the pool, transactions, the embedded server, migrations and a small query builder."""

from samplebank.database.columns import Columns, Made, Shape
from samplebank.database.connection import Connection, Database, Outrun, connect, open_database
from samplebank.database.identifiers import new_id
from samplebank.database.query import Page, order_by
from samplebank.database.sql import FALSE, TRUE, Sql, Template, all_of, any_of, joined, one_of, one_of_few
from samplebank.database.statement import Statement

__all__ = [
    "FALSE",
    "TRUE",
    "Columns",
    "Connection",
    "Database",
    "Made",
    "Outrun",
    "Page",
    "Shape",
    "Sql",
    "Statement",
    "Template",
    "all_of",
    "any_of",
    "connect",
    "joined",
    "new_id",
    "one_of",
    "one_of_few",
    "open_database",
    "order_by",
]
