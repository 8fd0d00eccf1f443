"""A worker tries the rules of the operator's folder on clean files, and says what they would have flagged."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from samplebank.worker.rule_watch import RuleWatch

EVERYTHING = "rule Everything { meta: score = 80 condition: filesize > 0 }"
NOTHING = "rule Nothing { condition: false }"

Remark = Callable[[], Awaitable[str]]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.yar").write_text(EVERYTHING)
    return folder


@pytest.fixture
async def next_remark(rules: Path) -> AsyncIterator[Remark]:
    """Gives the remark of the next trial of a watch of the folder."""
    watch = RuleWatch(rules, clean=4, look_seconds=0.02)
    work = asyncio.create_task(watch.run())

    async def remark() -> str:
        await watch.tried.wait()
        watch.tried.clear()
        return watch.remark

    yield remark
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def move(folder: Path, to: Path) -> None:
    folder.rename(to)


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [vars(record)["fields"] for record in caplog.records if record.message == event]


async def test_rules_that_flag_clean_files_are_told_with_the_files(
    next_remark: Remark, rules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        remark = await next_remark()

    assert remark == "rules flag 4 of 4 clean files, 4 with 30 or more"
    ((tried,), (flagging,)) = told(caplog, "rules.tried"), told(caplog, "rules.would_flag")
    assert (tried["folder"], tried["flagged"], tried["suspicious"], tried["broken"]) == (rules, 4, 4, 0)
    assert (flagging["rule"], flagging["file"], flagging["flagged"]) == ("Everything", "own.yar", 4)


async def test_rules_are_tried_again_when_a_file_is_replaced_by_renaming(
    next_remark: Remark, rules: Path
) -> None:
    await next_remark()
    (rules / "new").write_text(NOTHING)
    (rules / "new").replace(rules / "own.yar")

    assert await next_remark() == "rules flag 0 of 4 clean files"


async def test_rules_are_tried_again_when_the_folder_is_replaced(next_remark: Remark, rules: Path) -> None:
    await next_remark()
    other = rules.with_name("other")
    other.mkdir()
    (other / "broken.yar").write_text("rule {")
    (other / "good.yar").write_text(NOTHING)
    move(rules, rules.with_name("old"))
    move(other, rules)

    assert await next_remark() == "rules flag 0 of 4 clean files; 1 files of rules are broken"


async def test_rules_that_cannot_be_used_at_all_are_told(next_remark: Remark, rules: Path) -> None:
    (rules / "own.yar").write_text("rule {")

    assert await next_remark() == "none of 1 files of rules can be used"
