"""The built-in workers are registered when the service starts, and the policy of an operator stays as it is."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from kit.databases import migrated_database
from kit.service import Service
from samplebank.cli import serve
from samplebank.database import open_database
from samplebank.jobs.waiting import CHILDREN
from samplebank.policy import rules
from samplebank.policy.model import Policy
from samplebank.serving.start import prepared_database
from samplebank.settings import Settings
from samplebank.worker.analysers import BUILT_IN


def start(settings: Settings) -> None:
    with prepared_database(settings):
        pass


async def started(settings: Settings, url: str) -> tuple[dict[str, object], Policy]:
    """Start once: the registered workers by name, and the default policy."""
    await asyncio.to_thread(start, settings)
    async with open_database(url, most=1) as database, database.connection() as db:
        rows = await db.fetch("SELECT short_name, id FROM worker WHERE deleted_time IS NULL")
        return {row["short_name"]: row["id"] for row in rows}, await rules.get_policy(db)


async def test_a_new_database_runs_every_built_in_worker_by_default(service: Service, tmp_path: Path) -> None:
    async with migrated_database(service) as url:
        workers, policy = await started(Settings(data_dir=tmp_path, database_url=url), url)

    assert workers.keys() == {*BUILT_IN, CHILDREN}
    assert set(policy.workers) == {workers[name] for name in BUILT_IN}


async def test_a_worker_of_a_newer_release_is_registered_and_left_out_of_the_policy(
    service: Service, tmp_path: Path
) -> None:
    async with migrated_database(service) as url:
        settings = Settings(data_dir=tmp_path, database_url=url)
        before, policy = await started(settings, url)
        async with open_database(url, most=1) as database, database.transaction() as db:
            await db.execute(
                "UPDATE worker SET short_name = 'of-an-older-release' WHERE short_name = 'strings'"
            )

        after, same = await started(settings, url)

    assert after.keys() - before.keys() == {"of-an-older-release"}
    assert after["strings"] not in policy.workers
    assert same == policy


def test_the_built_in_workers_get_the_folder_of_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, str]] = []
    monkeypatch.setattr(serve, "start_workers", lambda _, settings, __: asked.append(settings))

    serve._start_workers(Settings(data_dir=tmp_path, yara_rules=tmp_path / "rules"), "")  # noqa: SLF001 - without analysers

    assert asked == [{"yara_rules": f"{tmp_path}/rules"}]
