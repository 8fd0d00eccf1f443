"""Somebody who looks at pages: `mia = Visitor(service.url).sign_in(key)`, `mia.get("/samples").text("h1")`."""

from typing import Any, NamedTuple

import requests
from selectolax.lexbor import LexborHTMLParser, LexborNode

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Shown(NamedTuple):
    """A page as the browser got the page."""

    response: requests.Response
    tree: LexborHTMLParser

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def html(self) -> str:
        return self.response.text

    def all(self, selector: str) -> list[LexborNode]:
        return self.tree.css(selector)

    def text(self, selector: str = "main") -> str:
        """All text in the elements, with single blanks."""
        return " ".join(" ".join(node.text(separator=" ") for node in self.all(selector)).split())

    @property
    def statements(self) -> int:
        """How many statements the page asked. A search that takes long on a busy machine begins again: look `eventually`."""
        return int(self.text("footer span").split()[0])

    def links(self) -> list[str]:
        return [href for node in self.all("a[href]") if (href := node.attributes["href"])]


class Visitor:
    """A browser without scripts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # else the client looks for proxies and passwords at each request

    def sign_in(self, key: str) -> "Visitor":
        shown = self.post("/login", {"key": key})
        assert shown.status == 200, shown.text()
        return self

    @property
    def cookies(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self._session.cookies.items()}

    def get(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> Shown:
        return self._ask("GET", path, follow=follow, headers={"Accept": "text/html", **(headers or {})})

    def post(
        self,
        path: str,
        fields: Any = None,
        *,
        files: Any = None,
        follow: bool = True,
        headers: dict[str, str] | None = None,
    ) -> Shown:
        """Send a form as a page of the service would, unless other headers are given."""
        given = SAME_ORIGIN if headers is None else headers
        return self._ask("POST", path, follow=follow, headers=given, data=fields, files=files)

    def _ask(self, method: str, path: str, *, follow: bool, **more: Any) -> Shown:
        response = self._session.request(method, self.url + path, allow_redirects=follow, timeout=60, **more)
        return Shown(response, LexborHTMLParser(response.text))
