"""What a page shows, asked for by other means: a link, curl, Python with argus-api, and the command line. Pure.

A query may hold any text. So each text is quoted for the shell or for Python, and characters that cannot be seen, or that
reorder a line, are written as escapes, which mean the same.
"""

import shlex
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from samplebank.search.batches import BATCH
from samplebank.web.wild import name_of

V1: Final = "/samplebank/v1"
V2: Final = "/sampledb/v2"
IMPORTS: Final = ("import os", "from argus_api.session import ArgusAPISession")


#: the views of a sample: where programs ask for the same, and the command that tells the most of the view
VIEWS: Final = {
    "findings": (f"{V2}/sample/{{}}/analysis", "show"),
    "sightings": (f"{V2}/sample/{{}}/submission", "show"),
    "history": (f"{V2}/sample/{{}}/verdict", "show"),
    "relations": (f"{V1}/sample/{{}}/tree", "show"),
    "similar": (f"{V1}/sample/{{}}/similar", "similar"),
    "bytes": (f"{V1}/sample/{{}}/bytes", "get"),
    "strings": (f"{V1}/sample/{{}}/strings", "get"),
}


class Copied(msgspec.Struct, frozen=True):
    """`python` and `cli` are lines."""

    link: str
    curl: str
    python: list[str]
    cli: list[str]


def of_sample(address: str, sha256: str) -> Copied:
    """What is known of a sample, and the sample itself in a safe archive."""
    return Copied(
        link=f"{address}/sample/{sha256}",
        curl=_curl(f"{address}{V2}/sample/{sha256}"),
        python=[
            IMPORTS[0],
            "from argus_api.lib.sampledb.v2.sample import download_safe_sample, get_sample_meta_data",
            IMPORTS[1],
            _session(address),
            f"sha256 = {in_python(sha256)}",
            'print(get_sample_meta_data(sha256=sha256, api_session=session)["data"])',
            'with open(f"{sha256}.zip", "wb") as file:  # opens with the password "infected"',
            "    file.write(download_safe_sample(sha256=sha256, api_session=session).content)",
        ],
        cli=[_command(address, "show", sha256), _command(address, "get", sha256)],
    )


def of_view(address: str, view: str, sha256: str, asked: dict[str, int | str] | None = None) -> Copied:
    """A view of a sample, with the parameters `asked` of the view and of the interface."""
    path, command = VIEWS[view]
    query = f"?{urlencode(asked, quote_via=quote)}" if asked else ""
    page = f"sample/{sha256}/{view}{query}"
    return _of_path(address, page, path.format(sha256) + query, _command(address, command, sha256))


def of_workers(address: str, page: str) -> Copied:
    return _of_path(address, page, f"{V1}/workers", _command(address, "worker list"))


def of_failures(address: str, days: int, worker: str) -> Copied:
    """The failures of the last days. The link leads to those of the worker; programs get the numbers of each worker."""
    asked = f"?days={days}"
    page = f"failures{asked}&worker={quote(worker, safe='')}" if worker else f"failures{asked}"
    return _of_path(address, page, f"{V1}/failures{asked}", _command(address, "jobs", "--failures"))


def of_audit(address: str, asked: Mapping[str, str]) -> Copied:
    """What the ledger tells of some acts."""
    query = f"?{urlencode(asked)}" if asked else ""
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    return _of_path(address, f"audit{query}", f"{V1}/audit{query}", _command(address, "audit", *options))


def of_accounts(address: str, short_name: str = "") -> Copied:
    """Users and groups, or one. The command works on the machine of the service."""
    path = f"accounts/{quote(short_name)}" if short_name else "accounts"
    return _of_path(address, path, f"{V1}/{path}", "samplebank accounts list")


def of_today(address: str) -> Copied:
    """What arrived in the last two days."""
    return _of_path(address, "", f"{V1}/arrivals", _command(address, "search", "seen:-48h"))


def of_comparison(address: str, a: str, b: str) -> Copied:
    """What is known of each of two samples."""
    paths = [f"{V2}/sample/{one}" for one in (a, b)]
    return Copied(
        link=f"{address}/compare/{a}/{b}",
        curl=_curl(*(f"{address}{path}" for path in paths)),
        python=[
            *IMPORTS,
            _session(address),
            *(f'print(session.get({in_python(path)}).json()["data"])' for path in paths),
        ],
        cli=[_command(address, "show", one) for one in (a, b)],
    )


def of_submit(address: str) -> Copied:
    """A file on its way into the service, in place of FILE."""
    url = f"{address}{V1}/sample?fileName=FILE"
    return Copied(
        link=f"{address}/submit",
        curl=f"{_curl(url)} --data-binary @FILE",
        python=[
            *IMPORTS,
            _session(address),
            'with open("FILE", "rb") as file:',
            f'    sent = session.post("{V1}/sample", params={{"fileName": "FILE"}}, data=file)',
            'print(sent.json()["data"])',
        ],
        cli=[_command(address, "submit", "--wait", "FILE")],
    )


def of_raw(address: str, sha256: str) -> Copied:
    """The bytes of a sample as they are, in a file."""
    path = f"{V2}/sample/{sha256}/raw"
    return Copied(
        link=f"{address}/sample/{sha256}/raw",
        curl=f"{_curl(address + path)} --output {sha256}",
        python=[
            *IMPORTS,
            _session(address),
            f'with open("{sha256}", "wb") as file:',
            f'    file.write(session.get("{path}").content)',
        ],
        cli=[_command(address, "get", "--raw", sha256)],
    )


def of_batch(address: str, id_: str) -> Copied:
    """The samples of a batch."""
    query = f"meta.{BATCH}:{id_}"
    asked = _of_query(address, "samples", query, _command(address, "search", query))
    return msgspec.structs.replace(asked, link=f"{address}/batch/{id_}")


def of_policy(address: str) -> Copied:
    """The default policy, and the rules."""
    path = f"{V2}/policy/default"
    return Copied(
        link=f"{address}/policy",
        curl=_curl(f"{address}{path}", f"{address}{path}/rule"),
        python=[
            *IMPORTS,
            _session(address),
            f'for path in ("{path}", "{path}/rule"):',
            '    print(session.get(path).json()["data"])',
        ],
        cli=[_command(address, "policy")],
    )


def of_account(address: str) -> Copied:
    """The user of a key, with the permissions that the key brings."""
    return _of_path(address, "me", "/authentication/v1/session", _command(address, "me"))


def of_hunts(address: str, id_: str | None = None) -> Copied:
    """The hunts, or a hunt with its hits."""
    one = f"/{id_}" if id_ else ""
    command = _command(address, "hunts", *([id_] if id_ else []))
    return _of_path(address, f"hunts{one}", f"{V1}/hunt{one}", command)


def of_samples(address: str, query: str) -> Copied:
    return _of_query(address, "samples", query, _command(address, "search", *_words(query)))


def of_jobs(address: str, query: str) -> Copied:
    return _of_query(address, "jobs", query, _command(address, "search", "--jobs", *_words(query)))


def of_job(address: str, id_: str) -> Copied:
    return Copied(
        link=f"{address}/job/{id_}",
        curl=_curl(f"{address}{V2}/job/{id_}"),
        python=[
            IMPORTS[0],
            "from argus_api.lib.sampledb.v2.job import get_job",
            IMPORTS[1],
            _session(address),
            f'print(get_job(jobID={in_python(id_)}, api_session=session)["data"])',
        ],
        cli=[_command(address, "jobs", "--why", id_)],
    )


def _of_query(address: str, kind: str, query: str, command: str) -> Copied:
    asked = f"?{urlencode({'q': query}, quote_via=quote)}" if query else ""
    return Copied(
        link=f"{address}/{kind}{asked}",
        curl=_curl(f"{address}{V1}/query/{kind}{asked}"),
        python=[
            *IMPORTS,
            _session(address),
            f'found = session.get("{V1}/query/{kind}", params={{"q": {in_python(query)}}})',
            'print(found.json()["data"])',
        ],
        cli=[command],
    )


def _of_path(address: str, page: str, path: str, command: str) -> Copied:
    return Copied(
        link=f"{address}/{page}",
        curl=_curl(f"{address}{path}"),
        python=[*IMPORTS, _session(address), f'print(session.get({in_python(path)}).json()["data"])'],
        cli=[command],
    )


def _curl(*urls: str) -> str:
    return f'curl --fail-with-body -H "Argus-API-Key: $SAMPLEBANK_KEY" {" ".join(map(in_shell, urls))}'


def _session(address: str) -> str:
    return f'session = ArgusAPISession(auth=os.environ["SAMPLEBANK_KEY"], api_url={in_python(address)})'


def _command(address: str, name: str, *words: str) -> str:
    return " ".join(["samplebank", name, "--url", in_shell(address), *map(in_shell, words)])


def _words(query: str) -> list[str]:
    """The query as arguments. A query that begins as an option does stands behind `--`."""
    if not query:
        return []
    return ["--", query] if query.startswith("-") else [query]


def in_shell(text: str) -> str:
    """The text as one word of a shell: as it is, in quotes, or in bash and zsh with escapes for unseen characters."""
    if not any(map(name_of, text)):
        return shlex.quote(text)
    written = "".join(_escaped(character) for character in text)
    return f"$'{written}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if name_of(character) is None:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


def in_python(text: str) -> str:
    """The text as Python writes the text, with escapes for unseen characters."""
    return ascii(text) if any(map(name_of, text)) else repr(text)
