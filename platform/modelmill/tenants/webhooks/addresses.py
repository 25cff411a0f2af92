"""Where a webhook may go: nowhere inside.

A tenant names the address, so it must not reach what only this machine can: loopback, private and
link-local networks, the cloud's metadata. The name is resolved here, every address it has is
judged, and the connection is then made to one of those addresses and not to the name, so that a
second answer of the name server changes nothing (DNS rebinding).
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from modelmill.core.errors import InvalidRequest

_PORTS = {"https": 443, "http": 80}
# RFC 6052: an IPv4 address in these last 32 bits is reached through a gateway.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Inside, though older Pythons call them global: RFC 8215, 3879, 7915 and 6890.
_INSIDE = [
    ipaddress.ip_network(net)
    for net in ("64:ff9b:1::/48", "fec0::/10", "::ffff:0:0:0/96", "192.0.0.0/24")
]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True)
class Target:
    """An address judged safe: where to connect, and under which name."""

    scheme: str
    host: str
    port: int
    path: str
    ip: str


def url_check(url: str) -> None:
    """Raise ``InvalidRequest`` for a URL that can never be a webhook's, without resolving it."""
    _parts(url)


def url_resolve(url: str) -> Target:
    """Resolve a URL to an address outside.

    Raises ``InvalidRequest`` when it is not one, and when any of its addresses lies inside.
    """
    scheme, host, port, path = _parts(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidRequest(
            _("The name %(host)s cannot be resolved.") % {"host": host}, param="url"
        ) from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not is_outside(address):
            raise _inside(host)
    return Target(scheme=scheme, host=host, port=port, path=path, ip=str(addresses[0]))


def is_outside(address: _Address) -> bool:
    """Say whether an address is of the public Internet, or of a network the operator allows."""
    real = _unwrapped(address)
    if any(real in ipaddress.ip_network(net) for net in settings.WEBHOOK_PRIVATE_NETWORKS):
        return True
    is_inside = any(real in net for net in _INSIDE)
    return real.is_global and not real.is_multicast and not is_inside


def _unwrapped(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    for inner in (address.ipv4_mapped, address.sixtofour, (address.teredo or (None, None))[1]):
        if inner is not None:
            return inner
    # Also the IPv4-compatible addresses of RFC 4291, ::a.b.c.d, which nobody should use.
    if address in _NAT64 or int(address) < 1 << 32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _parts(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise InvalidRequest(_("This is not an address."), param="url") from error
    allowed = ("https", "http") if settings.WEBHOOK_HTTP_ALLOWED else ("https",)
    if parts.scheme not in allowed or not host or any(c.isspace() for c in url):
        raise InvalidRequest(
            _("Give an address that begins with %(scheme)s://.") % {"scheme": allowed[0]},
            param="url",
        )
    if parts.username or parts.password:
        raise InvalidRequest(_("Leave user name and password out of the address."), param="url")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or _PORTS[parts.scheme], path


def _inside(host: str) -> InvalidRequest:
    return InvalidRequest(
        _("%(host)s leads to a private network. Give an address on the Internet.") % {"host": host},
        code="address_not_public",
        param="url",
    )
