"""A release with a new built-in worker makes the worker known to older installations, and leaves their policy alone."""

from pathlib import Path

import asyncpg

from kit.bank import V2, Bank
from kit.service import running


async def test_an_older_installation_learns_of_a_new_worker(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        bank = Bank(service.url, service.keys)
        policy = bank.data(bank.get(f"{V2}/policy/default"))
        db = await asyncpg.connect(service.database_url)
        await db.execute("UPDATE worker SET short_name = 'another' WHERE short_name = 'extract'")
        await db.close()
        service.stop()

        service.start()

        assert bank.get(f"{V2}/worker/extract").status_code == 200
        after = bank.data(bank.get(f"{V2}/policy/default"))
        names = [{worker["shortName"] for worker in one["workers"]} for one in (policy, after)]
        assert names[1] == names[0] - {"extract"} | {"another"}
