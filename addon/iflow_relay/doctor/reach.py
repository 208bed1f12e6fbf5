"""The way to the upstream step by step: its name, a connection, TLS.

With a proxy on the way it is the proxy that is looked up and connected to, and asked to connect on.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Generator

from ..credential import BaseUrl, bracket, is_address
from ..next_proxy import Proxy
from .patience import NETWORK, Stopwatch, in_time
from .verdict import Verdict, failure, ok, skipped, warning

MakeContext = Callable[[], ssl.SSLContext]
"""Makes what checks the upstream's certificate; raises ValueError or OSError."""

MAX_HEAD = 64 << 10
"""Bytes of a proxy's answer that are read: real ones have a few hundred."""

OTHER_PROXY = "is that the right proxy? iflow_next_proxy names another one, or none."
ONLINE = "is it right, and is this machine online? Behind a proxy, set HTTPS_PROXY"
SAFER = "use an https:// base URL if the upstream has one"
AUTHORITY = (
    "if it is right, name the authority that signed it in config.yaml: "
    "ssl_verify_upstream_trusted_ca: FILE"
)


class Stuck(Exception):
    """A step that cannot be taken: what was found, and what to do."""


def reach(
    base: BaseUrl, proxy: Proxy | None, make_context: MakeContext
) -> Generator[Verdict, None, bool]:
    """A verdict for each step; returns whether the upstream can be called."""
    with contextlib.closing(Journey(base, proxy, make_context)) as journey:
        steps = {"name": journey.look_up, "connection": journey.connect, "TLS": journey.secure}
        names = list(steps)
        for name, step in steps.items():
            try:
                yield step(name)
            except Stuck as stuck:
                yield failure(name, *stuck.args)
                yield from (skipped(left, "not reached") for left in names[names.index(name) + 1 :])
                return False
    return True


class Journey:
    """One connection on its way; each step returns its verdict or raises Stuck."""

    def __init__(self, base: BaseUrl, proxy: Proxy | None, make_context: MakeContext) -> None:
        self._base = base
        self._proxy = proxy
        self._make_context = make_context
        self._host, self._port = (proxy.host, proxy.port) if proxy else (base.host, base.port)
        self._addresses: list[str] = []
        self._open = contextlib.ExitStack()
        self._connection = self._open.enter_context(socket.socket())

    def close(self) -> None:
        """Hang up."""
        self._open.close()

    def look_up(self, name: str) -> Verdict:
        """Find the host's addresses."""
        host, port, watch = self._host, self._port, Stopwatch()
        try:
            found = in_time(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            raise Stuck(f"{host} has no address: {_why(error)}", self._advise()) from error
        self._addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        how = "an address by itself" if is_address(host) else f"{self._addresses[0]}, {watch}"
        return ok(name, f"{host}: {how}")

    def connect(self, name: str) -> Verdict:
        """Connect to it, and have a proxy connect on."""
        proxy, watch = self._proxy, Stopwatch()
        where = f"the proxy {proxy}" if proxy else f"{self._host}:{self._port}"
        try:
            self._connection = self._open.enter_context(_connect(self._addresses, self._port))
            if proxy and proxy.scheme == "http" and self._base.scheme == "https":
                _ask_proxy(self._connection, self._base, proxy)
        except OSError as error:
            raise Stuck(f"{where}: {_why(error)}", self._advise()) from error
        return ok(name, f"{'through ' if proxy else ''}{where}, {watch}")

    def secure(self, name: str) -> Verdict:
        """Shake hands, where the upstream is to be spoken to by TLS."""
        base = self._base
        if base.scheme == "http" and base.is_loopback:
            return skipped(name, "none: plain HTTP within this machine")
        if base.scheme == "http":
            return warning(name, f"none: whoever is on the way to {base.host} sees the key", SAFER)
        if self._proxy and self._proxy.scheme == "https":
            return skipped(name, "the proxy has TLS of its own: the call below goes all the way")
        return ok(name, self._shake_hands())

    def _shake_hands(self) -> str:
        watch = Stopwatch()
        try:
            context = self._make_context()
            with context.wrap_socket(self._connection, server_hostname=self._base.host) as secured:
                version, certificate = secured.version(), secured.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            raise Stuck(f"its certificate is no good: {error.verify_message}", AUTHORITY) from error
        except (OSError, ValueError) as error:
            what = f"{self._base.authority} does not speak TLS as it should: {_why(error)}"
            raise Stuck(what, "does the base URL begin with http:// there?") from error
        until = certificate.get("notAfter")
        return f"{version}, {f'certificate good until {until}' if until else UNVERIFIED}, {watch}"

    def _advise(self) -> str:
        if self._proxy:
            return OTHER_PROXY
        if self._base.is_loopback:
            return f"start the server that is to listen on port {self._port}, or mend the base URL"
        return ONLINE


UNVERIFIED = "certificate not verified (ssl_insecure)"


def _connect(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that takes one; raises the first one's OSError."""
    problems = []
    for address in addresses[:4]:
        try:
            return socket.create_connection((address, port), NETWORK / min(len(addresses), 4))
        except OSError as error:
            problems.append(error)
    raise problems[0]


def _ask_proxy(connection: socket.socket, base: BaseUrl, proxy: Proxy) -> None:
    """Have the proxy connect on; raises OSError where it does not."""
    host = f"{bracket(base.host)}:{base.port}"
    lines = [f"CONNECT {host} HTTP/1.1", f"Host: {host}"]
    if login := proxy.authorization:
        lines.append(f"Proxy-Authorization: {login}")
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError("the proxy hung up")
        head += piece
    answer = head.split(b"\r\n")[0].decode("latin-1")[:100]
    if not answer.startswith(("HTTP/1.1 2", "HTTP/1.0 2")):
        raise ConnectionError(f"to {base.authority} it says {answer!r}")


def _why(error: Exception) -> str:
    """The reason in the system's words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
