"""The addresses among the settings: how each may begin, and what must be true of the rest."""

import re
from typing import Final
from urllib.parse import urlsplit


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a false port, an open bracket
        return False


def _has_ports(url: str) -> bool:
    """Whether each port of the address is a port. PostgreSQL takes several hosts with their ports."""
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError:
        return False
    return all(_names_a_host(f"//{host}") for host in hosts if host)


def _has_hosts(url: str) -> bool:
    """Whether the address names a host at least, each with a port that is a port."""
    return _has_ports(url) and bool(urlsplit(url).netloc.rpartition("@")[2].strip(","))


def _is_absolute(url: str) -> bool:
    return url.startswith("file:///") and len(url) > len("file:///")


def _names_a_store(url: str) -> bool:
    """Whether the address is an absolute path, or a bucket with a prefix."""
    return _is_absolute(url) or BUCKET.fullmatch(url) is not None


def is_issuer(url: str) -> bool:
    """Whether the address is of a provider who can be trusted: over TLS, or on this machine, without a query."""
    if not url.startswith(("https://", "http://")) or not _names_a_host(url):
        return False
    parts = urlsplit(url)
    is_bare = not parts.query and not parts.fragment and not parts.username
    return is_bare and (parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"})


def origin_of(url: str) -> str | None:
    """The origin of an address as browsers write origins: in small letters, and without the usual port. None for no address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a false port, an open bracket
        return None
    if not host or parts.scheme not in USUAL_PORTS:
        return None
    name = f"[{host}]" if ":" in host else host
    is_usual = port in {None, USUAL_PORTS[parts.scheme]}
    return f"{parts.scheme}://{name}" if is_usual else f"{parts.scheme}://{name}:{port}"


#: the ports that browsers leave out of an address
USUAL_PORTS: Final = {"http": 80, "https": 443}
#: names without need of quoting anywhere, and no part that a client would take for a step between folders
BUCKET: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)*/?")
HTTP: Final = (("http://", "https://"), _names_a_host, "an address such as https://samples.example.org")
STORES: Final = (
    "an absolute path such as file:///srv/blobs, or a bucket such as s3://samples or s3://samples/bank: a bucket of 3 to 63 "
    "characters (small letters, digits, dots, hyphens; a letter or digit at both ends), and a prefix of letters, digits, dots, "
    "hyphens and underscores, without empty parts, . or .."
)
#: beginnings of an address, what must be true of the address, and the same in words
URLS: Final = {
    "database_url": (
        ("postgresql://", "postgres://"),
        _has_ports,
        "an address such as postgresql://bank@localhost:5432/bank",
    ),
    "webhook_url": HTTP,
    "events_nats": (
        ("nats://", "tls://"),
        _has_hosts,
        "an address such as nats://user:password@broker.example.org:4222?subject=samplebank",
    ),
    "events_rabbitmq": (
        ("amqp://", "amqps://"),
        _has_hosts,
        "an address such as amqp://user:password@broker.example.org:5672/?exchange=samplebank",
    ),
    "events_kafka": (
        ("kafka://", "kafkas://"),
        _has_hosts,
        "an address such as kafkas://user:password@broker.example.org:9093/?topic=samplebank",
    ),
    "oidc_issuer": (
        ("https://", "http://"),
        is_issuer,
        "an address such as https://id.example.org/realm, and http:// only for this machine",
    ),
    "public_url": HTTP,
    "blob_url": (
        ("file://", "s3://"),
        _names_a_store,
        STORES,
    ),
}
