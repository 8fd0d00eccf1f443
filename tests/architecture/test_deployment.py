"""The files in deploy/ name only what there is: settings, and versions that the project has."""

import re
from pathlib import Path

import pytest

from samplebank.settings import CLIENT_NAMES, FIELDS, PREFIX

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_setting_is_one(file: Path) -> None:
    named = set(re.findall(rf"(?<![A-Z_]){PREFIX}[A-Z_]*[A-Z]\b", file.read_text("utf-8")))

    assert named <= {f"{PREFIX}{name.upper()}" for name in (*FIELDS, *CLIENT_NAMES)}


def test_the_image_is_made_by_the_uv_of_the_project() -> None:
    own = re.search(r"^uv_version=(\S+)$", (ROOT / "scripts/bootstrap").read_text("utf-8"), re.MULTILINE)
    assert own is not None

    assert f"uv=={own.group(1)}" in (ROOT / "deploy/Dockerfile").read_text("utf-8")


def test_the_image_of_karton_has_the_versions_that_are_tested() -> None:
    tested = re.search(r'^kartons="(.*)"$', (ROOT / "scripts/program").read_text("utf-8"), re.MULTILINE)
    assert tested is not None
    image = (ROOT / "deploy/compose/karton.Dockerfile").read_text("utf-8")

    named = set(re.findall(r"karton-[a-z-]+==\S+", image))

    assert named
    assert named <= set(tested.group(1).split())


def test_every_setting_of_the_chart_is_one() -> None:
    values = (ROOT / "deploy/helm/samplebank/values.yaml").read_text("utf-8")
    block = re.search(r"^settings:\n((?:  .*\n)+)", values, re.MULTILINE)
    assert block is not None

    named = set(re.findall(r"^  (\w+):", block.group(1), re.MULTILINE))

    assert named
    assert named <= FIELDS.keys()
