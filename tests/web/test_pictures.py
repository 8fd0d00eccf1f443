"""docs/pages.md shows every page, in light and dark; `make pictures` writes what is missing from its table of pages."""

import re
from pathlib import Path

from kit.pages import ROOT, text_of
from web.walking import READ

PICTURES = ROOT / "docs" / "pictures"
#: operations that answer files, data, or a part of another page
NO_PAGES = {
    *("downloadSafeByPage", "downloadEvidenceByPage", "downloadResult", "exportSamples"),
    *("followChanges", "completeQuery", "showFacets", "showSimilar", "showRetry", "tellKnown"),
}


def shown() -> set[str]:
    return set(re.findall(r"pictures/([a-z-]+\.png)", text_of("docs/pages.md")))


def without_names(path: str) -> str:
    return re.sub(r"{.*?}", "{}", path)


def test_every_page_has_its_pictures_in_the_docs() -> None:
    described = {
        without_names(path) for path in re.findall(r"^`(/.*?)`: ", text_of("docs/pages.md"), re.MULTILINE)
    }

    missing = {path for path, one in READ if one.id not in NO_PAGES and without_names(path) not in described}

    assert missing == set(), "add the page to PAGES of scripts/pictures.py, and run make pictures"


def test_the_pictures_are_those_that_the_docs_show() -> None:
    assert {path.name for path in PICTURES.iterdir()} == shown()


def test_pictures_are_small() -> None:
    sizes: dict[Path, int] = {path: path.stat().st_size for path in PICTURES.iterdir()}

    assert max(sizes.values()) <= 150_000
    assert sum(sizes.values()) <= 2_000_000
