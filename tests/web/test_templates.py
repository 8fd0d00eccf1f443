"""House rules of templates and assets."""

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import meta, nodes

from samplebank.web import app, assets
from samplebank.web.rendering import ENVIRONMENT, Page

FOLDER = Path(str(files("samplebank.web")))
#: files by others, which only tests use: pages have none
VENDORED = Path(__file__).parents[1] / "browser" / "vendor"
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
#: names that every template has
GIVEN = {"frame", "section", "to", "asset"} | set(ENVIRONMENT.globals)
#: an attribute whose value stands without quotes
UNQUOTED = re.compile(r"""<[a-z][^<>]*\s[a-z-]+=(?!["'])""")
HANDLER = re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.IGNORECASE)


def pages() -> Iterator[type[Page]]:
    assert app.ROUTES  # the modules of the pages are loaded
    waiting = [Page]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting.extend(found)
        yield from (one for one in found if one.template)


def names_used_by(page: type[Page]) -> set[str]:
    """The names that the template of the page uses, but for those of macros that the template imports."""
    tree = ENVIRONMENT.parse((FOLDER / "templates" / page.template).read_text("utf-8"))
    imported = {str(name) for one in tree.find_all(nodes.FromImport) for name in one.names}
    return meta.find_undeclared_variables(tree) - imported


PAGES = sorted(pages(), key=lambda page: page.__name__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_template_uses_only_what_its_page_has(page: type[Page]) -> None:
    assert names_used_by(page) - GIVEN <= set(page.__struct_fields__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_page_has_nothing_that_its_template_does_not_use(page: type[Page]) -> None:
    assert set(page.__struct_fields__) <= names_used_by(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_no_field_hides_a_function_of_templates(page: type[Page]) -> None:
    assert not set(page.__struct_fields__) & GIVEN


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_that_the_policy_forbids(template: Path) -> None:
    source = template.read_text("utf-8")
    bare = re.sub(r'"[^"]*"', '""', re.sub(r"{%.*?%}|{{.*?}}", "", source, flags=re.DOTALL))

    assert not re.search(r"\|\s*safe\b|Markup|autoescape", source)
    assert "style=" not in source
    assert "<style" not in source
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert not HANDLER.search(bare)
    assert not UNQUOTED.search(bare)
    assert "javascript:" not in source


def test_every_template_belongs_to_a_page_or_is_shared() -> None:
    shared = {
        "base.html",
        "parts.html",
        "query_parts.html",
        "sample_parts.html",
        "result_parts.html",
        "copy_parts.html",
        "form_parts.html",
        "worker_parts.html",
    }

    assert {path.name for path in TEMPLATES} - shared == {page.template for page in PAGES}


def test_vendored_files_are_as_their_list_says() -> None:
    listed = tomllib.loads((VENDORED / "vendor.toml").read_text("utf-8"))["file"]
    digests = {
        path.name: "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        for path in VENDORED.glob("*.js")
    }

    assert {one["name"]: one["digest"] for one in listed} == digests
    assert all(one["version"] and one["licence"] and one["package"] for one in listed)


def test_a_style_sheet_and_scripts_ask_no_other_host() -> None:
    own = [asset.content.decode() for asset in assets.ASSETS.values()]

    assert [text for text in own if re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)] == []
