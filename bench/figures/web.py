"""Pages as browsers ask for them: with the cookie of a session, packed. Beside each page a page that asks the database nothing."""

import asyncio
import http.client
from urllib.parse import urlencode

from bench import clients, load, page_contents
from bench import vocabulary as words
from bench.figure import Figure, Limit, Surroundings
from bench.ports import HOST
from bench.service import Service

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
#: the page whose time is that of everything but the database
BARE = "/login"


def measure(service: Service, size: int, *, quick: bool) -> list[Figure]:
    """Measure the p95 of every page with one client."""
    headers = f"Cookie: {_sign_in(service)}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
    names = asyncio.run(page_contents.make(service, size))
    rounds, runs = (12, 1) if quick else (40, 3)
    paths = [*(path for path, _ in PAGES.values()), BARE]
    work = [(("GET", path.format_map(names), b"", headers), rounds) for path in paths]
    with Surroundings(service.processes) as around:
        found = [
            load.run(clients.p95_of_each, service.target(None), [work], processes=1).latencies
            for _ in range(runs)
        ]
    *pages, bare = ([1000 * values[place] for values in found] for place in range(len(work)))
    limit = Limit("page that asks nothing", sorted(bare)[len(bare) // 2])
    return [
        around.mark(
            Figure(f"page {name}: p95", "ms", values, goal, less=True, limit=limit, note=path, size=size)
        )
        for (name, (path, goal)), values in zip(PAGES.items(), pages, strict=True)
    ]


def _sign_in(service: Service) -> str:
    """The cookie of a session of the administrator."""
    connection = http.client.HTTPConnection(HOST, service.port, timeout=60)
    headers = {"Origin": service.url, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", urlencode({"key": service.key}), headers)
    answer = connection.getresponse()
    clients.expect(303, (answer.status, answer.read()))
    connection.close()
    return (answer.getheader("Set-Cookie") or "").partition(";")[0]
