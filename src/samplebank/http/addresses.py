"""The networks of clients. A client with IPv6 has 2^64 addresses, so budgets are for the network, which has one owner."""

import ipaddress
from functools import lru_cache

#: bits of an IPv6 address that name the network of a customer of a provider
NETWORK = 64


@lru_cache(8192)
def network_of(address: str) -> str:
    """The client that an address belongs to: an IPv4 address itself, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, NETWORK), strict=False))
