"""The documents name only what there is: commands with their options, calls, settings, pages, files and tests."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from samplebank.api.app import ROUTES, make_api
from samplebank.api.published.openapi import document_of
from samplebank.cli.main import COMMANDS, HIDDEN, application
from samplebank.settings import CLIENT_NAMES, FIELDS, PREFIX

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
#: settings of the tests
OF_TESTS = {"SAMPLEBANK_BROWSER"}
#: options of every command that asks a service, told in a sentence of the page
OF_CLIENTS = {"--url", "--key"}
Paths = dict[str, dict[str, Any]]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def called(page: Path) -> Iterator[str]:
    """The commands of `samplebank` on a page, in examples and within sentences."""
    text = page.read_text("utf-8")
    for line in re.findall(r"samplebank ((?:[a-z]+\b)[^\n`|#]*)", text):
        if line.split()[0] in COMMANDS:
            yield line


def mistakes_in(line: str) -> list[str]:
    """The parts of a call of `samplebank` that the program does not know."""
    command: Any = get_command(application([]))
    for word in line.split():
        within = getattr(command, "commands", {})
        if not within:
            break
        if not re.fullmatch("[a-z]+", word):
            return []
        if word not in within:
            return [word]
        command = within[word]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    return sorted(set(re.findall(r"(?<=[\s\[])--[a-z][a-z-]*", line)) - known - {"--help"})


@pytest.mark.parametrize(
    ("line", "mistakes"),
    [
        ("note add abc --tlp green", []),
        ("key create`, `list`", []),
        ("notes add", ["notes"]),
        ("note append abc", ["append"]),
        ("jobs --folow --json", ["--folow"]),
        ("submit PATH... [--kustomer]", ["--kustomer"]),
    ],
)
def test_a_wrong_call_is_found(line: str, mistakes: list[str]) -> None:
    assert mistakes_in(line) == mistakes


@every_page
def test_every_call_of_the_program_is_one(page: Path) -> None:
    assert {line: found for line in called(page) if (found := mistakes_in(line))} == {}


def options_of(command: Any) -> set[str]:
    """The options of a command, and of the commands within."""
    within = [options_of(one) for one in getattr(command, "commands", {}).values()]
    own = {
        option
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and not getattr(parameter, "hidden", False)
    }
    return own.union(*within) - {"--help"}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - HIDDEN))
def test_the_operations_page_has_every_option(name: str) -> None:
    rows = re.findall(
        rf"^\| `samplebank {name}\b.*$", (ROOT / "docs/operations.md").read_text("utf-8"), re.MULTILINE
    )
    command: Any = get_command(application([]))

    assert (
        options_of(command.commands[name]) - OF_CLIENTS - set(re.findall(r"--[a-z-]+", "".join(rows)))
        == set()
    )


@every_page
def test_every_setting_is_one(page: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]\b", page.read_text("utf-8")))
    known = {f"{PREFIX}{name.upper()}" for name in (*FIELDS, *CLIENT_NAMES)} | OF_TESTS

    assert named - known == set()


@pytest.fixture(scope="module")
def paths() -> Paths:
    """The methods of each path of the interface. The document of the interface has no paths that need no key."""
    found: Paths = document_of(make_api(lambda _: nullcontext()).routes)["paths"]
    return found | {path: {"get": {}} for route in ROUTES if route.opt.get("open") for path in route.paths}


@every_page
def test_every_call_of_the_interface_is_one(page: Path, paths: Paths) -> None:
    text = page.read_text("utf-8")
    patterns = {path: re.compile(re.sub(r"{\w+}", "[^/?]+", path)) for path in paths}
    wrong = []

    for verb, path in re.findall(
        r"(?:\b(GET|POST|PUT|DELETE) )?(/(?:sampledb/v2|samplebank/v1)/[\w/{}$-]+)", text
    ):
        fitting = [methods for name, methods in paths.items() if patterns[name].fullmatch(path.rstrip("/"))]
        is_beginning = not verb and any(name.startswith(path) for name in paths)
        if not is_beginning and not any(not verb or verb.lower() in methods for methods in fitting):
            wrong.append(f"{verb} {path}")

    assert wrong == []


def anchors_of(page: Path) -> set[str]:
    """The places that GitHub makes of the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []

    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (place and place not in anchors_of(target)):
            wrong.append(link)

    assert wrong == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/decisions/*.md")), ids=name_of)
def test_every_test_that_enforces_a_decision_is_there(page: Path) -> None:
    text = page.read_text("utf-8").partition("and the conformance suite")[0]
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    files = set(re.findall(r"`(tests/[\w./]+)`", text))
    functions = set(re.findall(r"`(test_\w+)`", text))

    assert {name for name in files if not (ROOT / name).exists()} == set()
    assert {name for name in functions if f"def {name}(" not in tests} == set()
