"""axe-core, which finds the obstacles for readers of a page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

AXE: Final = Path(__file__).with_name("vendor") / "axe.min.js"
GRAVE: Final = {"serious", "critical"}
#: rules of less weight that the pages keep as well
KEPT: Final = {"landmark-unique", "empty-table-header"}


async def faults(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """The grave faults of the open page and those against the kept rules, each with the first element: by all rules, or by the given rules."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text("utf-8"))
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    run = f"axe.run({json.dumps(options)}).then((found) => found.violations)"
    found: list[dict[str, Any]] = await page.evaluate(run)
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}"
        for one in found
        if one["impact"] in GRAVE or one["id"] in KEPT
    ]
