"""Files that a visitor drops onto a page."""

import base64
from collections.abc import Mapping, Sequence

from kit.bank import ROBOT, Bank, Sample, name_of
from kit.browser import Tab

#: drops files on the element: names and bytes in base64
DROP = """(element, files) => {
    const dropped = new DataTransfer();
    for (const [name, content] of files) {
        dropped.items.add(new File([Uint8Array.from(atob(content), (one) => one.charCodeAt(0))], name, { lastModified: 1 }));
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
        element.dispatchEvent(new DragEvent(type, { dataTransfer: dropped, bubbles: true, cancelable: true }));
    }
}"""


def files(number: int) -> dict[str, Sample]:
    return {name_of("file"): Sample(1000 + 5_000 * place) for place in range(number)}


async def drop(tab: Tab, dropped: Mapping[str, Sample]) -> None:
    await drop_pairs(tab, list(dropped.items()))


async def drop_pairs(tab: Tab, dropped: Sequence[tuple[str, Sample]]) -> None:
    """Drop files with their names, of which several may be the same, as in what a search of the desktop finds."""
    given = [[name, base64.b64encode(sample.data).decode()] for name, sample in dropped]
    await tab.page.locator("body").evaluate(DROP, given)


async def say(tab: Tab, meta: Mapping[str, str]) -> None:
    await tab.page.get_by_label("Metadata").fill("\n".join(f"{key}={value}" for key, value in meta.items()))


def judge(bank: Bank, worker: str, malicious: Sample, number: int) -> None:
    """Let the worker find one of the samples malicious, and the others benign."""
    by_digest = {}
    for claim in bank.claim(worker, most=number):
        sample = Sample(data=b"")
        sample.sha256 = claim["sample"]["id"]
        by_digest[sample.sha256] = (claim, sample)
    for digest, (claim, sample) in by_digest.items():
        analysis = bank.analyse(sample, worker, 99 if digest == malicious.sha256 else 0)
        ended = bank.update(
            claim["job"]["id"], claim["task"]["id"], "success", user=ROBOT, analyses=[analysis]
        )
        assert ended.status_code == 200, ended.text
