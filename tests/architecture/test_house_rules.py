"""House rules that people forget, enforced by tests."""

import ast
import re
from functools import cache
from pathlib import Path

import msgspec

from samplebank.database.migrations import HEAD
from samplebank.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "samplebank"
#: the only places where any exception is caught: around an analyser, in its child process, where a command ends, and around
#: libraries that raise errors of many kinds: for hostile certificates, and for brokers that are away
CATCHING = {
    "sandbox/child.py",
    "worker/inside.py",
    "cli/ending.py",
    "http/together.py",
    "events/brokers.py",
    "worker/analysers/static/signatures/authenticode.py",
}
#: only doors open transactions
DOORS = {"web", "api", "maintenance", "checkup", "cli", "serving"}
OPENERS = {"database/connection.py"}
#: an import from a module of tests
TAKEN = re.compile(r"(from [\w.]*\btest_\w+ import|from \w+ import test_|import [\w.]*\btest_)")
LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "makeRecord"}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    paths = sorted(SOURCE.rglob("*.py"))
    return [(str(path.relative_to(SOURCE)), ast.parse(path.read_text("utf-8"))) for path in paths]


def test_no_module_catches_everything() -> None:
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and ast.unparse(node.type) == "Exception"
    }

    assert found <= CATCHING


def test_only_doors_open_transactions_of_the_pool() -> None:
    found = {
        name.split("/")[0]
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("database.transaction")
        and name not in OPENERS
    }

    assert found <= DOORS


def test_every_line_of_the_log_gives_its_fields_by_the_same_name() -> None:
    others = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_CALLS
        for keyword in node.keywords
        if keyword.arg == "extra" and not ast.unparse(keyword.value).startswith("{'fields': ")
    ]

    assert others == []


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    missing = [name for name in msgspec.structs.asdict(Settings()) if f"{PREFIX}{name.upper()}" not in text]

    assert missing == []


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_/.]+\.(?:py|toml|md))`", text))
    missing = {name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()}

    assert missing == set()


def test_the_newest_migration_is_the_one_that_the_release_needs() -> None:
    names = sorted(path.name for path in (SOURCE / "database" / "migrations" / "versions").glob("0*.py"))

    assert names[-1].startswith(HEAD)


def test_every_migration_says_whether_the_previous_release_runs_on_it() -> None:
    texts = [
        path.read_text("utf-8") for path in (SOURCE / "database" / "migrations" / "versions").glob("0*.py")
    ]

    assert [text for text in texts if "previous release" not in text.lower()] == []


def test_no_test_takes_anything_from_another_test() -> None:
    """What several tests need is a module of its own, which pytest does not collect."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if TAKEN.match(line)
    ]

    assert found == []
