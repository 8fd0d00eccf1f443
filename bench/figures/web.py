"""Pages as browsers ask for them: with the cookie of a session, packed. Beside each page a page that asks the database nothing."""

import asyncio
import http.client
import json
from urllib.parse import urlencode

from bench import clients, load
from bench import vocabulary as words
from bench.figure import Figure, Limit, Surroundings
from bench.service import HOST, Service
from bench.wire import Wire

#: goals for the p95 of pages in milliseconds at the largest size; `{sample}` and `{job}` are the newest
PAGES = {
    "/": 30.0,
    "/samples": 15.0,
    f"/samples?{urlencode({'q': words.RARE_STEM})}": 60.0,
    "/samples/facets": 80.0,
    "/sample/{sample}": 15.0,
    "/sample/{sample}/sightings": 15.0,
    "/sample/{sample}/relations": 15.0,
    "/sample/{sample}/history": 15.0,
    "/jobs": 15.0,
    "/job/{job}": 15.0,
    "/submit": 15.0,
    "/workers": 20.0,
    "/failures": 100.0,
}
#: the page whose time is that of everything but the database
BARE = "/login"


def measure(service: Service, size: int, *, quick: bool) -> list[Figure]:
    """Measure the p95 of every page with one client."""
    headers = f"Cookie: {_sign_in(service)}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
    names = asyncio.run(_names(service))
    rounds, runs = (12, 1) if quick else (40, 3)
    work = [(("GET", path.format_map(names), b"", headers), rounds) for path in (*PAGES, BARE)]
    with Surroundings(service.processes) as around:
        found = [
            load.run(clients.p95_of_each, service.target(None), [work], processes=1).latencies
            for _ in range(runs)
        ]
    *pages, bare = ([1000 * values[place] for values in found] for place in range(len(work)))
    limit = Limit("page that asks nothing", sorted(bare)[len(bare) // 2])
    return [
        around.mark(Figure(f"page {path}: p95", "ms", values, goal, less=True, limit=limit, size=size))
        for (path, goal), values in zip(PAGES.items(), pages, strict=True)
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


async def _names(service: Service) -> dict[str, str]:
    wire = await Wire.open(HOST, service.port, service.key)
    found = {}
    for kind, field in (("sample", "sha256"), ("job", "id")):
        answer = clients.expect(200, await wire.ask("GET", f"{clients.V2}/{kind}?limit=1"))
        found[kind] = json.loads(answer)["data"][0][field]
    wire.close()
    return found
