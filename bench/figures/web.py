"""Pages as browsers ask for them: with the cookie of a session, packed. Beside each page a page that asks the database nothing."""

import asyncio
import http.client
from collections.abc import Mapping
from urllib.parse import urlencode

from bench import clients, load, page_contents
from bench import vocabulary as words
from bench.figure import Figure, Limit, Surroundings
from bench.ports import HOST
from bench.service import Service
from bench.tenants import Tenants

RARE = urlencode({"q": words.RARE_STEM})
#: goals for the p95 of pages in milliseconds at the largest size, by the name of the page and its path.
#: `page_contents.make` has the names in paths
PAGES = {
    "Today": ("/", 30.0),
    "samples": ("/samples", 15.0),
    "facets of all samples": ("/samples/facets", 80.0),
    "samples that 1 % match": (f"/samples?{RARE}", 60.0),
    "facets of 1 %": (f"/samples/facets?{RARE}", 80.0),
    "sample": ("/sample/{sample}", 15.0),
    "findings": ("/sample/{sample}/findings", 15.0),
    "sightings": ("/sample/{sample}/sightings", 15.0),
    "relations": ("/sample/{sample}/relations", 15.0),
    "relations, 10,000 links": ("/sample/{huge}/relations", 40.0),
    "history": ("/sample/{sample}/history", 15.0),
    "bytes, middle of 2 GiB": ("/sample/{huge}/bytes?at={middle}", 20.0),
    "bytes, end of 2 GiB": ("/sample/{huge}/bytes?at=0x7ffff000", 20.0),
    "strings, middle of 2 GiB": ("/sample/{huge}/strings?at={middle}", 20.0),
    "strings, end of 2 GiB": ("/sample/{huge}/strings?at=0x7fff0000", 20.0),
    "similar": ("/sample/{sample}/similar", 40.0),
    "compare": ("/compare/{sample}/{other}", 15.0),
    "jobs": ("/jobs", 15.0),
    "jobs that timed out": ("/jobs?q=state:timeout", 15.0),
    "jobs of a worker": ("/jobs?q=worker:{worker}", 15.0),
    "job": ("/job/{job}", 15.0),
    "job that waits, and why": ("/job/{waiting}", 15.0),
    "find 200 hashes": ("/find", 60.0),
    "raw bytes, the warning": ("/sample/{sample}/raw", 15.0),
    "submit": ("/submit", 15.0),
    "batch of 200 files": ("/batch/{batch}", 15.0),
    "workers": ("/workers", 20.0),
    "worker": ("/worker/{worker}", 20.0),
    "failures": ("/failures", 100.0),
    "hunts": ("/hunts", 15.0),
    "policy": ("/policy", 15.0),
    "me": ("/me", 15.0),
    "help": ("/help", 15.0),
}
#: the pages of a reader of one customer, whose rows stand apart among those of others
OF_READER = {
    "Today": ("/", 30.0),
    "samples": ("/samples", 15.0),
    "facets of all samples": ("/samples/facets", 80.0),
    "samples that 1 % match": (f"/samples?{RARE}", 60.0),
    "facets of 1 %": (f"/samples/facets?{RARE}", 80.0),
    "sample": ("/sample/{own_sample}", 15.0),
    "findings": ("/sample/{own_sample}/findings", 15.0),
    "sightings": ("/sample/{own_sample}/sightings", 15.0),
    "relations": ("/sample/{own_sample}/relations", 15.0),
    "history": ("/sample/{own_sample}/history", 15.0),
    "similar": ("/sample/{own_sample}/similar", 40.0),
    "compare": ("/compare/{own_sample}/{own_other}", 15.0),
    "jobs": ("/jobs", 15.0),
    "jobs that timed out": ("/jobs?q=state:timeout", 15.0),
    "job": ("/job/{own_job}", 15.0),
    "failures": ("/failures", 100.0),
    "me": ("/me", 15.0),
}
FORM = "application/x-www-form-urlencoded"
#: pages that answer a form: the field of the form, and the name of the value among those of `page_contents.make`
FORMS = {"/find": ("text", "hashes")}
#: the page whose time is that of everything but the database
BARE = "/login"


Pages = Mapping[str, tuple[str, float]]


def measure(service: Service, tenants: Tenants, size: int, *, quick: bool) -> list[Figure]:
    """Measure the p95 of every page with one client: by the administrator, and by a reader of one customer."""
    chief, reader = (sign_in(service, key) for key in (service.key, tenants.one_key))
    names = asyncio.run(page_contents.make(service, tenants, size, quick=quick))
    return [
        *_latencies(service, PAGES, "", chief, names, size=size, quick=quick),
        *_latencies(service, OF_READER, ", reader of one customer", reader, names, size=size, quick=quick),
    ]


def _latencies(
    service: Service, pages: Pages, whose: str, cookie: str, names: dict[str, str], *, size: int, quick: bool
) -> list[Figure]:
    rounds, runs = (12, 1) if quick else (40, 3)
    paths = [*(path for path, _ in pages.values()), BARE]
    work = [(_request(path, cookie, names), rounds) for path in paths]
    with Surroundings(service.processes) as around:
        found = [
            load.run(clients.p95_of_each, service.target(None), [work], processes=1).latencies
            for _ in range(runs)
        ]
    *measured, bare = ([1000 * values[place] for values in found] for place in range(len(work)))
    limit = Limit("page that asks nothing", sorted(bare)[len(bare) // 2])
    return [
        around.mark(
            Figure(
                f"page {name}{whose}: p95", "ms", values, goal, less=True, limit=limit, note=path, size=size
            )
        )
        for (name, (path, goal)), values in zip(pages.items(), measured, strict=True)
    ]


def _request(path: str, cookie: str, names: dict[str, str]) -> tuple[str | bytes, ...]:
    headers = f"Cookie: {cookie}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
    if path not in FORMS:
        return "GET", path.format_map(names), b"", headers
    field, name = FORMS[path]
    sent = urlencode({field: names[name]}).encode()
    return "POST", path, sent, f"{headers}Sec-Fetch-Site: same-origin\r\n", FORM


def sign_in(service: Service, key: str) -> str:
    """The cookie of a session of the user of the key."""
    connection = http.client.HTTPConnection(HOST, service.port, timeout=60)
    headers = {"Origin": service.url, "Content-Type": FORM}
    connection.request("POST", "/login", urlencode({"key": key}), headers)
    answer = connection.getresponse()
    clients.expect(303, (answer.status, answer.read()))
    connection.close()
    return (answer.getheader("Set-Cookie") or "").partition(";")[0]
