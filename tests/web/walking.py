"""All pages by their routes, and what a visitor sees who walks the pages."""

import unicodedata
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from kit.visitor import Shown, Visitor
from samplebank.http.operation import Operation
from samplebank.web.app import ROUTES

NO_ID = "00000000-0000-0000-0000-000000000000"
NOTHING = {
    "sha256": "0" * 64,
    "a": "0" * 64,
    "b": "0" * 64,
    "job_id": NO_ID,
    "analysis_id": NO_ID,
    "evidence_id": NO_ID,
    "batch_id": NO_ID,
    "worker": "nobody",
    "task_id": NO_ID,
    "hunt_id": NO_ID,
    "query_id": NO_ID,
}
#: what a page needs to know to show something
ASKED = {"/samples/export": "?q="}
#: forbidden by the policy of pages, and needed by hostile text
OBEYED = "svg[onload], script:not([src]), [onload], [onerror], [style]"


def path_of(path: str, names: dict[str, str]) -> str:
    parts = (
        names.get(part.strip("{}").split(":")[0], part) if "{" in part else part for part in path.split("/")
    )
    return "/".join("x" if "{" in part else part for part in parts) + ASKED.get(path, "")


def guarded(method: str) -> list[tuple[str, Operation]]:
    return [
        (path, route.opt["operation"])
        for route in ROUTES
        for path in sorted(route.paths)
        if "operation" in route.opt and method in route.http_methods
    ]


READ, CHANGED = guarded("GET"), guarded("POST")


def ids(pairs: list[tuple[str, Operation]]) -> list[str]:
    return [operation.id for _, operation in pairs]


def is_page(shown: Shown) -> bool:
    return shown.response.headers["Content-Type"].startswith("text/html")


def obeyed(shown: Shown) -> list[str]:
    """Hostile text that a browser would obey, or a reader would not see."""
    found = [node.html or "" for node in shown.all(OBEYED)]
    unseen = {c for c in shown.html if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}}
    elsewhere = [link for link in shown.links() if urlsplit(link).scheme]
    return [
        *found,
        *map(ascii, unseen),
        *elsewhere,
        *(["http://evil"] if "http://evil" in shown.html else []),
    ]


class Walked(NamedTuple):
    """The pages of a user by their paths, and where the links on the pages lead."""

    pages: dict[str, Shown]
    links: dict[str, int]


def walk(one: Visitor, names: dict[str, str]) -> Walked:
    """Walk all pages open to somebody, and each link on the pages once. No page fails."""
    seen = {path: one.get(path_of(path, names)) for path, _ in READ}
    assert {path: shown.status for path, shown in seen.items() if shown.status >= 500} == {}
    pages = {path: shown for path, shown in seen.items() if shown.status == 200 and is_page(shown)}
    links = {urljoin(shown.response.url, link) for shown in pages.values() for link in shown.links()}
    followed = {link for link in links if "#" not in link}
    return Walked(pages, {link: one.get(link.removeprefix(one.url)).status for link in followed})
