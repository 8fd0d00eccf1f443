"""Weights of customers: how many tasks a customer gets in each turn in the lines of workers.

Only a tenants file gives weights. The API and the pages leave weights as they are.
"""

from samplebank.accounts.tenants import Tenants
from samplebank.database import Connection, Statement

PUT = Statement("UPDATE customer SET weight = :weight::smallint WHERE short_name = :short_name")


async def put(db: Connection, tenants: Tenants) -> None:
    """Give the customers of the file their weights. An entry without `weight` gives the weight 1."""
    for entry in tenants.customer:
        await PUT.run(db, short_name=entry.short_name, weight=entry.weight)
