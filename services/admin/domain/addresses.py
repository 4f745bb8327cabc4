"""Which addresses a webhook may go to: those of the public Internet, and networks that the operator names.

Whoever has an endpoint made chooses where we connect to: without a bound he could have us ask what stands beside us.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The special-purpose registries of IANA (RFC 6890) as of 2025, said here so that no version of Python says otherwise,
# with multicast, and the address at which virtual machines of Azure find their host.
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
        "2001::/23",
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Say whether a webhook may go to an address; `allowed` are the operator's networks.

    What carries an IPv4 address within (mapped, 6to4, NAT64) is no way around what is said of that one.
    """
    plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    if isinstance(plain, IPv6Address) and plain.scope_id is not None:
        return False
    if _within(plain, allowed):
        return True
    if isinstance(plain, IPv4Address):
        return not _within(plain, _NOT_PUBLIC)
    if plain in _NAT64:
        return is_allowed(IPv4Address(plain.packed[-4:]), allowed)
    if plain.sixtofour is not None and not is_allowed(plain.sixtofour, allowed):
        return False
    return plain in _GLOBAL_UNICAST and not _within(plain, _NOT_PUBLIC)


def refused(addresses: Iterable[str], allowed: Sequence[Network]) -> list[str]:
    """Return those of the addresses of a name that no webhook may go to; what is no address is one of them."""
    return [address for address in addresses if not _is_allowed(address, allowed)]


def _is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    try:
        return is_allowed(ip_address(address), allowed)
    except ValueError:
        return False


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
