"""Measures the code as a reader feels code: lengths, arguments by place, numbers in SQL, the words of texts.

Prints one line for each fact with its aim. Ends with 1 when a hard aim is missed.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "samplebank"
#: the code beside the product: functions are as short there, and import as openly
BESIDE = tuple(ROOT / name for name in ("tests", "bench", "drill", "trial", "scripts"))
#: the one place that fills structs in the order of columns: columns and fields are tied by name there
COLUMNS = SOURCE / "database" / "columns.py"
MIGRATIONS = SOURCE / "database" / "migrations" / "versions"
LONGEST_FUNCTION, LONG_FUNCTION, LONGEST_MODULE, MOST_BY_PLACE = 40, 30, 300, 7
OWN = {SOURCE.name, "kit", *(folder.name for folder in BESIDE)}
PRONOUNS = re.compile(
    r"\b(it|its|they|them|their|this|that|these|those|such|one|ones|what|whoever)\b", re.IGNORECASE
)
WORDS = re.compile(r"[A-Za-z][A-Za-z'-]*")
MOST_PRONOUNS = 5.0
#: a comment of Python or SQL; examples in documents are code, and not counted
REMARKS = re.compile(r"(?:^|[ \t])(?:#:?|--)[ \t]+(.*)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
PAGES = ("README.md", "CONTRIBUTING.md", "docs/**/*.md")
NUMBERED = re.compile(r"\$[1-9]")


class Fact(NamedTuple):
    """One measure. `make check` enforces a hard aim (`is_hard`); any other aim is for writers."""

    name: str
    value: str
    aim: str
    is_met: bool
    is_hard: bool = True
    where: tuple[str, ...] = ()


def modules(*folders: Path) -> Iterator[tuple[Path, str, ast.Module]]:
    """The modules of the product, or of `folders`: place, text and tree."""
    for path in sorted(path for folder in folders or (SOURCE,) for path in folder.rglob("*.py")):
        text = path.read_text()
        yield path.relative_to(ROOT), text, ast.parse(text)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The number of lines from the first statement of a function on, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def lengths() -> Iterator[Fact]:
    found = sorted(
        (lines_of_body(function), f"{path}:{function.lineno} {function.name}")
        for path, _, tree in modules(SOURCE, *BESIDE)
        for function in functions(tree)
    )
    longest, where = found[-1]
    yield Fact(
        "longest function",
        f"{longest} lines",
        f"< {LONGEST_FUNCTION}",
        longest < LONGEST_FUNCTION,
        where=(where,),
    )
    # of the product alone: thousands of short tests would hide its long functions
    product = [lines for lines, where in found if (ROOT / where).is_relative_to(SOURCE)]
    late = product[int(len(product) * 0.99)]
    yield Fact("99 of 100 functions", f"{late} lines at most", f"< {LONG_FUNCTION}", late < LONG_FUNCTION)
    long = [
        (text.count("\n"), str(path))
        for path, text, _ in modules()
        if not (ROOT / path).is_relative_to(MIGRATIONS)
    ]
    over = tuple(f"{path} {count}" for count, path in sorted(long, reverse=True) if count > LONGEST_MODULE)
    yield Fact(
        f"modules over {LONGEST_MODULE} lines", str(len(over)), "0", not over, is_hard=False, where=over
    )


def places() -> Iterator[Fact]:
    found = tuple(
        f"{path}:{node.lineno} {ast.unparse(node.func)}"
        for path, _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and len(node.args) > MOST_BY_PLACE
        and not all(isinstance(argument, ast.Constant) for argument in node.args)
    )
    yield Fact("calls with eight or more arguments by place", str(len(found)), "0", not found, where=found)


def rows_by_place() -> Iterator[Fact]:
    """Structs filled in the order of columns: a column put between two others would go into the wrong field."""
    found = tuple(
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path, _, tree in modules(SOURCE, *BESIDE)
        if ROOT / path != COLUMNS
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1][0].isupper()
        and (
            any(isinstance(argument, ast.Starred) and of_row(argument) for argument in node.args)
            or sum(is_of_place(argument) for argument in node.args) > 1
        )
    )
    yield Fact("structs filled from rows by place", str(len(found)), "0", not found, where=found)


def of_row(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "row" for part in ast.walk(node))


def is_of_place(node: ast.AST) -> bool:
    """Whether an expression is a column of a row by its place: `row[2]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, int)
        and of_row(node.value)
    )


def numbers() -> Iterator[Fact]:
    found = tuple(
        f"{path}:{node.lineno}"
        for path, _, tree in modules()
        if not (ROOT / path).is_relative_to(MIGRATIONS)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(part, ast.Constant) and NUMBERED.search(str(part.value)) for part in node.values)
    )
    yield Fact("$n in composed statements", str(len(found)), "0", not found, is_hard=False, where=found)


def hidden_imports() -> Iterator[Fact]:
    found = tuple(
        f"{path}:{node.lineno}"
        for path, _, tree in modules(SOURCE, *BESIDE)
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OWN
    )
    yield Fact("own imports inside functions", str(len(found)), "0", not found, where=found)


def prose() -> Iterator[Fact]:
    docstrings = [
        ast.get_docstring(node) or ""
        for _, _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    yield pronouns("docstrings", docstrings)
    code = [text for _, text, _ in modules(SOURCE, *BESIDE)]
    yield pronouns("comments", [remark for text in code for remark in REMARKS.findall(text)])
    yield pronouns(
        "documents", [FENCED.sub("", page.read_text()) for pattern in PAGES for page in ROOT.glob(pattern)]
    )


def pronouns(kind: str, texts: list[str]) -> Fact:
    words = sum(len(WORDS.findall(text)) for text in texts)
    share = 100 * sum(len(PRONOUNS.findall(text)) for text in texts) / words
    return Fact(
        f"pronouns in 100 words of {kind}",
        f"{share:.1f}",
        f"< {MOST_PRONOUNS:g}",
        share < MOST_PRONOUNS,
        is_hard=False,
    )


def main() -> int:
    facts = [*lengths(), *places(), *rows_by_place(), *numbers(), *hidden_imports(), *prose()]
    for fact in facts:
        print(f"{fact.name:45} {fact.value:20} aim {fact.aim:6} {'' if fact.is_met else 'MISSED'}".rstrip())
        if not fact.is_met:
            for place in fact.where[:20]:
                print(f"    {place}")
    return 0 if all(fact.is_met or not fact.is_hard for fact in facts) else 1


if __name__ == "__main__":
    sys.exit(main())
