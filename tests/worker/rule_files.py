"""Files and folders of rules, as users keep them."""

import shutil
from pathlib import Path

from samplebank.worker.contract import Result

SHIPPED_RULES = Path(__file__).parents[2] / "src" / "samplebank" / "worker" / "analysers" / "yara_rules"
RULE = 'rule %s { meta: score = %d family = "Staged" strings: $a = "needle" condition: $a }'

HALF_BROKEN = (RULE % ("Good_Half", 90)).encode() + b"rule Bad { condition: $x }"
ELSEWHERE = SHIPPED_RULES / next(SHIPPED_RULES.glob("*.yar")).name


def move(folder: Path, to: Path) -> None:
    folder.rename(to)


def replace(folder: Path, files: dict[str, str]) -> None:
    """Put another folder in the place of a folder."""
    prepared = folder.with_name("prepared")
    prepared.mkdir()
    for name, text in files.items():
        (prepared / name).write_text(text)
    if folder.exists():
        shutil.rmtree(folder)
    move(prepared, folder)


def named(result: Result) -> list[str]:
    return [found["rule"] for found in result.result["rules"]]
