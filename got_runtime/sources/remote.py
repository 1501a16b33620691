"""An address on the public internet → its bytes, with protection against server-side request forgery (SSRF).

A service that downloads addresses given by its users could be made to read its private network. Therefore the IP
addresses of a host are resolved once, all of them must be public, and the connection goes to a checked one (a second
look-up by the HTTP client could return another address: DNS rebinding). Each redirect is checked in the same way.
Proxies from the environment are not used, because they would resolve the host themselves.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceForbidden, SourceNotFound
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import one_line, without_secrets

__all__ = ["MAX_REDIRECTS", "check", "fetch", "is_public"]

MAX_REDIRECTS = 5

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_REFUSED = {401, 402, 403, 407, 451}
_CHUNK = 1 << 16
_URL_SAFE = "/?%:@!$&'()*+,;=~-._[]"  # characters of a path or query that are not quoted (RFC 3986)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → every address, as text."""


def fetch(
    url: str, limits: Limits, *, resolve: Resolve | None = None, allowed: Callable[[str], bool] | None = None
) -> bytes:
    """The body at ``url`` (http or https), following at most five redirects.

    Args:
        url: the address.
        limits: bounds on bytes and seconds.
        resolve: replaces the system's resolver, for tests and closed networks.
        allowed: replaces :func:`is_public`.

    Raises:
        SourceForbidden: another scheme, a private address, access refused.
        SourceNotFound: no host, no answer, an error status.
        LimitExceeded: more bytes or seconds than ``limits``.
        SourceCorrupt: the connection was closed before the end of the body.
    """
    deadline = time.monotonic() + limits.max_remote_seconds
    start = one_line(without_secrets(url))
    for _ in range(MAX_REDIRECTS + 1):
        try:
            answer = _get(url, limits, deadline, resolve or _resolve, allowed or is_public)
        except TimeoutError as error:
            raise LimitExceeded(
                f"{start} takes over {limits.max_remote_seconds:g} s: raise Limits(max_remote_seconds=…) or download it"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise SourceForbidden(f"{start} has no certificate that is trusted here: download it yourself") from error
        except (OSError, http.client.HTTPException) as error:
            raise SourceNotFound(f"{start} cannot be fetched ({one_line(str(error))}): check the address") from error
        if isinstance(answer, bytes):
            return answer
        url = answer
    raise SourceForbidden(f"{start} redirects more than {MAX_REDIRECTS} times: give the address it ends at")


def is_public(address: str) -> bool:
    """Whether an IP address, and any that it wraps (mapped, 6to4, Teredo, NAT64), is on the public internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _get(url: str, limits: Limits, deadline: float, resolve: Resolve, allowed: Callable[[str], bool]) -> bytes | str:
    """One request: the body, or the address it redirects to."""
    parts, host, port = check(url)
    shown = one_line(without_secrets(url))
    with _connected(shown, host, port, deadline, resolve, allowed) as plain:
        if parts.scheme == "http":
            return _request(http.client.HTTPConnection(host, port), plain, deadline, url, limits)
        context = ssl.create_default_context()
        plain.settimeout(_left(deadline))
        with context.wrap_socket(plain, server_hostname=host) as tls:
            return _request(http.client.HTTPSConnection(host, port, context=context), tls, deadline, url, limits)


def _request(
    connection: http.client.HTTPConnection, sock: socket.socket, deadline: float, url: str, limits: Limits
) -> bytes | str:
    connection.sock = _DeadlineSocket(sock, deadline)  # so that it neither connects nor resolves the host itself
    parts = urlsplit(url)
    path, query = quote(parts.path or "/", safe=_URL_SAFE), quote(parts.query, safe=_URL_SAFE)
    headers = {"User-Agent": "got-ocr", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", f"{path}?{query}" if query else path, headers=headers)
    with connection.getresponse() as response:
        location = response.getheader("Location")
        if response.status in _REDIRECTS and location:
            try:
                return urljoin(url, location)
            except ValueError as error:
                raise SourceNotFound(f"{one_line(location)} is not a well-formed address to redirect to") from error
        shown = one_line(without_secrets(url))
        _check_status(response.status, shown)
        return _body(response, shown, limits)


def check(url: str) -> tuple[SplitResult, str, int]:
    """``url`` in parts, its host and port. Raises ``SourceForbidden`` or ``SourceNotFound``."""
    shown = one_line(without_secrets(url))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceNotFound(f"{shown} is not a well-formed address: check it") from error
    if parts.scheme not in _PORTS:
        raise SourceForbidden(f"{shown} is neither http nor https: download it, or give a plain path for a local file")
    if parts.username or parts.password:
        raise SourceForbidden(f"{shown} carries a user name or password: download it yourself and give the file")
    if not host:
        raise SourceNotFound(f"{shown} names no host: check the address")
    return parts, host, port or _PORTS[parts.scheme]


def _resolve(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _connected(
    shown: str, host: str, port: int, deadline: float, resolve: Resolve, allowed: Callable[[str], bool]
) -> socket.socket:
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise SourceNotFound(
            f"{shown}: no host of that name is known here; check the address and the network"
        ) from error
    if not addresses or not all(allowed(address) for address in addresses):
        # The message does not name the IP address: that would reveal the private network.
        raise SourceForbidden(f"{shown} is not a public address: private networks are not read, download it yourself")
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except OSError:
            _left(deadline)  # try the next one until the deadline
    return socket.create_connection((addresses[-1], port), timeout=_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _DeadlineSocket(io.RawIOBase):
    """A socket with one deadline for all reads and writes.

    The timeout of a socket restarts with each byte received, so a server that sends slowly would never exceed it.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)

    def sendall(self, request: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(request)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        """Does nothing: the socket belongs to the ``with`` around the request, and http.client closes earlier."""


def _check_status(status: int, shown: str) -> None:
    if status == HTTPStatus.OK:
        return
    if status in _REFUSED:
        raise SourceForbidden(f"{shown} refuses access (status {status}): download it with your own account")
    raise SourceNotFound(f"{shown} answers with status {status} instead of a document: check the address")


def _body(response: http.client.HTTPResponse, shown: str, limits: Limits) -> bytes:
    most = min(limits.max_bytes, limits.max_remote_bytes)
    announced = response.length or 0
    body = bytearray()
    while announced <= most and len(body) <= most:
        # read1 returns the bytes of one read of the socket; read would wait for the whole chunk
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        body += chunk
    else:
        raise LimitExceeded(f"{shown} is larger than {most:,} bytes: raise Limits(max_remote_bytes=…) or download it")
    if len(body) < announced:
        raise SourceCorrupt(f"{shown} broke off after {len(body):,} of {announced:,} bytes: try again")
    return bytes(body)
