"""More samples at once than the classifier takes in one go."""

import asyncio

from kit.bank import Bank, Sample
from samplebank.database import Database
from samplebank.identification import MOST_FIRM

FLOOD = MOST_FIRM + 1
PUT_BACK = "UPDATE sample SET classification_wanted = true, classification_id = NULL WHERE sha256 = ANY ($1)"
IS_CLASSIFIED = """
    SELECT NOT EXISTS (SELECT FROM sample WHERE sha256 = ANY ($1) AND classification_id IS NULL) FROM pg_sleep(0.05)
"""


async def test_every_sample_of_a_flood_is_classified(bank: Bank, database: Database) -> None:
    samples = [Sample() for _ in range(FLOOD)]
    for sample in samples:
        assert bank.upload(sample).status_code == 201
    names = [bytes.fromhex(sample.sha256) for sample in samples]

    async with asyncio.timeout(60), database.connection() as db:
        await db.execute(PUT_BACK, names)
        while not await db.fetchval(IS_CLASSIFIED, names):
            pass

    assert bank.data(bank.get(samples[-1].path))["latestClassification"]["type"]
