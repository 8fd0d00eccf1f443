"""Takes the pictures of docs/pages.md: starts a service, submits the files of the demo, visits each page in light and dark.

Writes the pictures to docs/pictures/, and the part of docs/pages.md that shows the pictures. With names of pictures as arguments,
takes these pictures alone.
"""

import asyncio
import io
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.async_api import Browser

from kit.browser import browsing, tab
from samplebank.cli.answers import Envelope
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.demo_files import EICAR_NAME, make_files
from samplebank.cli.following import follow
from samplebank.cli.local_service import LocalService, running
from samplebank.cli.sending import send_all

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "pages.md"
PICTURES: Final = ROOT / "docs" / "pictures"
#: colours of a picture, which keep text sharp and files small; the most bytes of a picture, and of all pictures
COLOURS: Final = 64
MOST_BYTES, MOST_OF_ALL = 150_000, 2_000_000
SCHEMES: Final = ("light", "dark")
BEGIN, END = "<!-- begin of what `make pictures` writes -->\n", "<!-- end -->"


class Shown(NamedTuple):
    """A page: the name of the pictures, the path, the title, and the purpose."""

    name: str
    path: str
    title: str
    purpose: str


RULES: Final = """rule eicar_test_file {
  meta: score = 90
  strings: $name = "EICAR-STANDARD-ANTIVIRUS"
  condition: $name
}
"""
PAUSE: Final = 0.2
BATCH: Final = "6a1f2c9e-4b77-4f0e-9d35-0c8f1e2d3b4a"
#: `{sample}`, `{archive}` and `{job}` stand for the EICAR test file, an archive, and the job of the EICAR test file,
#: `{worker}` for a worker, `{hunt}` for a hunt
PAGES: Final = (
    Shown("today", "/", "Today", "What is new since you were last here, what needs eyes, what arrived in the last two days, jobs under way, and workers that tasks wait for in vain."),
    Shown("samples", "/samples", "Samples", "The newest samples, or those in which the words of the query occur."),
    Shown(
        "sample",
        "/sample/{sample}",
        "Sample",
        "The verdict as an argument: who said what, with which weight, and what the verdict would be without one of them; "
        "what the sample is, where it was seen, its way through jobs; a safe zip.",
    ),
    Shown("findings", "/sample/{sample}/findings", "Findings", "The newest result of each worker, drawn by the worker's schema; values lead to samples with the same value; evidence."),
    Shown("bytes", "/sample/{archive}/bytes", "Bytes", "4 KiB at an offset, in hex and ASCII, with the parts that a static analysis knows; a pattern is found from there on."),
    Shown("strings", "/sample/{archive}/strings", "Strings", "Strings with their offsets, a window at a time."),
    Shown("raw", "/sample/{sample}/raw", "Raw bytes", "The bytes as they are, after a word of warning."),
    Shown("sightings", "/sample/{sample}/sightings", "Sightings", "Who brought the sample in, when, by which name, and who can see that."),
    Shown("relations", "/sample/{archive}/relations", "Relations", "Samples that this sample contains or comes from."),
    Shown("history", "/sample/{sample}/history", "History", "Every verdict that the sample had, and what changed it."),
    Shown("compare", "/compare/{sample}/{archive}", "Compare", "What only one of two samples has, and what both have, with the number of other samples that have the same; what the bytes are like, side by side."),
    Shown("find", "/find", "Find in a text", "A mail, a report or a list is pasted; the page tells which hashes, ids and file names of the text are known."),
    Shown("compare-form", "/compare", "Compare two samples", "The form for the hashes of two samples."),
    Shown("submit", "/submit", "Submit", "Files and folders are dropped or chosen, sent four at a time, and watched to their verdicts."),
    Shown("batch", "/batch/{batch}", "Batch", "Files that were sent together, with their verdicts and tasks."),
    Shown("jobs", "/jobs", "Jobs", "Jobs by state, the newest first, with their tasks. Selected jobs, or all that a query finds, are tried again."),
    Shown(
        "job",
        "/job/{job}",
        "Job",
        "Why the job is not done: the cause, what will happen, what helps, when the end may come. The wait and the work of "
        "each task on one scale, attempts with their reasons, and what chose the workers.",
    ),
    Shown(
        "workers",
        "/workers",
        "Workers",
        "Which processes live, what waits and for whom, how fast the work goes, and when each line is cleared. "
        "A worker that tasks wait for in vain comes first, with the command that starts the worker.",
    ),
    Shown("worker", "/worker/{worker}", "Worker", "One worker: its line, its processes, and how its tasks ended in the last days."),
    Shown(
        "failures",
        "/failures",
        "Failures",
        "Failed tasks by cause, with examples. A cause that has been mended is tried again: the samples that no later task "
        "of the worker has tried are analysed anew, with a page that tells how far that is, and a button that aborts.",
    ),
    Shown("hunts", "/hunts", "Hunts", "The form for a hunt: YARA rules over stored samples. Below the form, the hunts so far."),
    Shown("hunt", "/hunts/{hunt}", "Hunt", "How far a hunt is, the samples that its rules match, and the rules. Hits are shown as they are found."),
    Shown("policy", "/policy", "Policy", "Which workers run for every sample, and the rules that change the choice for some, in words."),
    Shown("accounts", "/accounts", "Accounts", "Users, groups and customers, and forms to make some. For administrators of every customer."),
    Shown("account-of", "/accounts/{account}", "An account", "A user or group: grants, groups or members, and keys, with forms that give and take each. A new key is shown once. To remove the account, write its name."),
    Shown("audit", "/audit", "Ledger", "Who read, downloaded, changed or deleted what, when, from where, by which key: everything for an administrator of all customers, and for an administrator of a customer what concerns its samples and users."),
    Shown("account", "/me", "Your account", "Your sessions, which you can end, your saved queries, keys and permissions."),
    Shown("help", "/help", "Help", "How to write queries, and the fields of samples and jobs with an example each."),
    Shown("login", "/login", "Sign in", "An API key, or a link of `samplebank login`, becomes a session."),
)  # fmt: skip


def hunted(client: Client) -> str:
    """The id of an ended hunt."""
    kind, path = Envelope[dict[str, Any]], "/hunt"
    id_ = client.ask(kind, path, api=EXTENSIONS, body={"rules": RULES}).data["id"]
    while client.ask(kind, f"{path}/{id_}", api=EXTENSIONS).data["state"] != "done":
        time.sleep(PAUSE)
    return str(id_)


@contextmanager
def demo() -> Iterator[tuple[LocalService, dict[str, str]]]:
    """A service with the files of the demo, and what stands for the names in paths."""
    with (
        tempfile.TemporaryDirectory(prefix="samplebank-pictures-") as folder,
        running(Path(folder) / "data", keep=False) as service,
        Client(service.connection) as client,
    ):
        files = make_files(Path(folder) / "files")
        sent, end = send_all(
            client, files, {"metaData": {"batch": BATCH}}, parallel=2, advance=lambda _: None
        )
        if end:
            raise end
        ended = {Path(one.path).name: one for one in follow(client, sent, lambda _: None, print)}
        eicar, archive = ended[EICAR_NAME], ended["backup.zip"]
        names = {
            "sample": eicar.sha256,
            "archive": archive.sha256,
            "job": eicar.job,
            "batch": BATCH,
            "worker": "static",
            "hunt": hunted(client),
            "account": "admin",
        }
        yield service, {name: str(value) for name, value in names.items()}


def wanted() -> list[Shown]:
    """The pages named by the arguments; all pages where there are no arguments."""
    named = set(sys.argv[1:])
    if unknown := named - {page.name for page in PAGES}:
        sys.exit(f"pictures: no picture has the name {', '.join(sorted(unknown))}")
    return [page for page in PAGES if not named or page.name in named]


async def visit(browser: Browser, service: LocalService, names: dict[str, str], scheme: str) -> None:
    async with tab(browser, service.connection.url, color_scheme=scheme) as visitor:
        await visitor.sign_in(service.connection.key)
        for page in wanted():
            await visitor.page.goto(visitor.url + page.path.format_map(names), wait_until="networkidle")
            keep(await visitor.page.screenshot(), PICTURES / f"{page.name}-{scheme}.png")
        if visitor.problems:
            raise SystemExit(f"pictures: {visitor.problems}")


def keep(picture: bytes, path: Path) -> None:
    taken = Image.open(io.BytesIO(picture))
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"pictures: {path} has {path.stat().st_size} bytes, and may have {MOST_BYTES}")


async def take_all(service: LocalService, names: dict[str, str]) -> None:
    async with browsing() as browser:
        for scheme in SCHEMES:
            await visit(browser, service, names, scheme)


def section(page: Shown) -> str:
    """The text of docs/pages.md on a page. A reader in the dark sees the dark picture."""
    return (
        f"### {page.title}\n\n`{page.path}`: {page.purpose}\n\n<picture>\n"
        f'<source media="(prefers-color-scheme: dark)" srcset="pictures/{page.name}-dark.png">\n'
        f'<img src="pictures/{page.name}-light.png" alt="The page {page.title}" width="1280">\n</picture>\n'
    )


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    if wanted() == list(PAGES):
        for old in PICTURES.glob("*.png"):
            old.unlink()
    with demo() as (service, names):
        asyncio.run(take_all(service, names))
    written = BEGIN + "\n".join(map(section, PAGES)) + END
    text = PAGE.read_text("utf-8")
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: written, text, flags=re.DOTALL), "utf-8")
    total = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    print(f"{2 * len(wanted())} pictures taken, {total / 1000:,.0f} kB in all")
    if total > MOST_OF_ALL:
        sys.exit(f"pictures: all together may have {MOST_OF_ALL} bytes")


if __name__ == "__main__":
    main()
