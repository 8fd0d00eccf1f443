"""Forms with files, sent as a browser sends them."""

from typing import Any

import requests

from kit.bank import Sample, name_of
from kit.visitor import SAME_ORIGIN, Shown, Visitor


def send(visitor: Visitor, sample: Sample, key: str | None = None, **said: Any) -> requests.Response:
    """Send a file as the script of the page does."""
    headers = {**SAME_ORIGIN, **({"Idempotency-Key": key} if key else {})}
    return requests.post(
        f"{visitor.url}/submit/file",
        params={"fileName": name_of("file"), **said},
        data=sample.data,
        headers=headers,
        cookies=visitor.cookies,
        timeout=60,
    )


def send_form(visitor: Visitor, *files: tuple[str, bytes], **fields: str) -> Shown:
    """Send the form as a browser without scripts does."""
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    return visitor.post("/submit", files=parts + [("file", file) for file in files])


def names_in(shown: Shown) -> set[str]:
    return {" ".join(node.text().split()) for node in shown.all("#files td:nth-child(2)")}
