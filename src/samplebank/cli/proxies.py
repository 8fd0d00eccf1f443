"""Proxies that the environment names: a service of this machine is reached without a proxy."""

from collections.abc import MutableMapping
from typing import Final

#: the names of this machine, as clients compare names
OWN: Final = ("127.0.0.1", "localhost", "::1")
EVERYTHING: Final = "*"


def reach_this_machine_directly(environment: MutableMapping[str, str]) -> None:
    """Add this machine to the hosts without a proxy. A proxy elsewhere would look for the service on the proxy's own machine."""
    name = "no_proxy" if "no_proxy" in environment else "NO_PROXY"
    hosts = [host.strip() for host in environment.get(name, "").split(",") if host.strip()]
    if EVERYTHING not in hosts:
        environment[name] = ",".join([*hosts, *(host for host in OWN if host not in hosts)])
