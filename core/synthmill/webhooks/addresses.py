"""Where a webhook's request may go. A tenant must not reach through us what only this network can reach.

A name is looked up once, every address that it has is checked, and the request goes to the one that was checked: a
name that answers otherwise a moment later gains nothing.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from synthmill.errors import UserError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST = 2_048
_TRANSLATED = ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address


class AddressRefused(UserError):
    """A URL that no request may be sent to; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, and the one address that its request goes to."""

    scheme: str
    host: str
    port: int
    address: Address
    path: str

    @property
    def url(self) -> str:
        """With the address in the place of the name."""
        shown = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{self.scheme}://{shown}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        """The name, with the port where it is not the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _port_of(self.scheme) else f"{name}:{self.port}"


async def target(url: str, allowed: Sequence[Network]) -> Target:
    """Where a request to this URL goes; `AddressRefused` when it may not, or when the name has no address now."""
    parts = checked(url)
    host, port = parts.hostname or "", parts.port or _port_of(parts.scheme)
    addresses = await _addresses(host, port)
    inside = [address for address in addresses if any(address in network for network in allowed)]
    refused = [address for address in addresses if address not in inside and not is_public(address)]
    if refused or not addresses:
        raise AddressRefused(f"{host} is an address inside of a network; SYNTHMILL_WEBHOOKS__ALLOW lets some through")
    if parts.scheme == "http" and len(inside) < len(addresses):
        raise AddressRefused("only https goes out of this network")
    path = parts.path or "/"
    return Target(parts.scheme, host, port, addresses[0], path + (f"?{parts.query}" if parts.query else ""))


def checked(url: str) -> SplitResult:
    """The parts of a URL that could be an address; `AddressRefused` otherwise."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > _LONGEST:
        raise AddressRefused(f"give an https URL of at most {_LONGEST} characters")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused("leave user, password and fragment out: every message is signed")
    if port == 0 or not url.isascii() or any(ord(letter) <= ord(" ") for letter in url):
        raise AddressRefused("this is no URL of a server")
    return parts


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet, in all its disguises."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"{host} has no address: {error}") from None
    # a link-local address of IPv6 may carry its interface behind a %
    return list(dict.fromkeys(ip_address(str(item[4][0]).partition("%")[0]) for item in found))


def _port_of(scheme: str) -> int:
    return 443 if scheme == "https" else 80
