"""A database that cannot be reached, in words: the reason, the server that was tried, and the setting to look at."""

from urllib.parse import parse_qs, urlsplit

from samplebank.database.sockets import is_embedded
from samplebank.errors import Unavailable

#: seconds that making a connection may take
CONNECTING = 10.0
PORT = 5432


def unreachable(url: str, error: BaseException) -> Unavailable:
    """The refusal for an `error` on the way to the database. No words of the URL are told besides hosts and ports."""
    said = f"The database cannot be reached: {_reason(error)}."
    return Unavailable(said if is_embedded(url) else f"{said} SAMPLEBANK_DATABASE_URL names {_server(url)}.")


def _reason(error: BaseException) -> str:
    # asyncio gives no words to a time-out
    silent = (
        f"no answer within {CONNECTING:.0f} seconds"
        if isinstance(error, TimeoutError)
        else type(error).__name__
    )
    return str(error).rstrip(".") or silent


def _server(url: str) -> str:
    """The hosts and ports of a URL, or the folder of its socket."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    if (
        "@" in parts.path + parts.query + parts.fragment
    ):  # a password with /, ? or #, whose beginning looks like a host
        return "the server"
    given = parse_qs(parts.query)
    hosts, ports = hosts or given.get("host", [""])[0], given.get("port", [str(PORT)])[0]
    if not hosts:
        return "no host, so the server of this machine"
    return " and ".join(_with_port(host, ports) for host in hosts.split(","))


def _with_port(host: str, port: str) -> str:
    if host.startswith("/"):
        return f"the socket in {host}"
    return host if urlsplit(f"//{host}").port else f"{host}:{port}"
