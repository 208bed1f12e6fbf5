"""The proxy that this machine's programs used before, and still do behind the relay.

Rules (as curl and Python read the environment): the lower-case spelling wins over the upper-case
one, `all_proxy` stands in for a missing one of a scheme, `no_proxy` names what goes direct: `*`, a
host and all below it, an address or a network, each perhaps with a port. Loopback goes direct.
"""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from .credential import Secret, bracket, is_address, is_loopback

AUTO = "environment"
NONE = "none"


Scheme = Literal["http", "https"]


class Proxy(NamedTuple):
    """A proxy; `login` is `user:password` where it wants one."""

    scheme: Scheme
    host: str
    port: int
    login: Secret | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{bracket(self.host)}:{self.port}"

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization` (RFC 7617), if it wants one: to be sent, not shown."""
        if self.login is None:
            return None
        return "Basic " + b64encode(self.login.reveal().encode()).decode()


def parse_proxy(text: str) -> Proxy:
    """Read `http://user:password@proxy.example.com:3128`; raises ValueError in words, no login."""
    written = text.strip() if "://" in text else f"http://{text.strip()}"
    accepted = "write http://proxy.example.com:3128"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"the proxy is no address: {accepted}") from None
    if not host:
        raise ValueError(f"the proxy names no host: {accepted}")
    schemes: dict[str, tuple[Scheme, int]] = {"http": ("http", 80), "https": ("https", 443)}
    if parts.scheme not in schemes:
        raise ValueError(f"a {parts.scheme}:// proxy cannot stand behind the relay: {accepted}")
    login = None
    if parts.username:
        login = Secret(f"{unquote(parts.username)}:{unquote(parts.password or '')}")
    scheme, usual = schemes[parts.scheme]
    return Proxy(scheme, host, port or usual, login)


class Route(NamedTuple):
    """Proxies by the scheme of what is asked for, and what goes direct."""

    proxies: Mapping[str, Proxy] = {}
    direct: tuple[str, ...] = ()

    def to(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy on the way there; None where the way is direct."""
        proxy = self.proxies.get(scheme)
        if proxy is None or is_loopback(host) or self._is_direct(host, port):
            return None
        return proxy

    def without(self, ports: frozenset[int]) -> Route:
        """The same without proxies on these ports of this machine: they are the relay itself."""
        kept = {
            scheme: proxy
            for scheme, proxy in self.proxies.items()
            if not (is_loopback(proxy.host) and proxy.port in ports)
        }
        return Route(kept, self.direct)

    def _is_direct(self, host: str, port: int) -> bool:
        name = host.lower().rstrip(".")
        return any(_covers(rule, name, port) for rule in self.direct)


def read_route(option: str, environ: Mapping[str, str]) -> Route:
    """The way that `iflow_next_proxy` means; raises ValueError for a proxy that is none."""
    if option == NONE:
        return Route()
    direct = tuple(
        rule.strip().lower()
        for rule in _variable("no_proxy", environ).replace(" ", ",").split(",")
        if rule.strip()
    )
    if option != AUTO:
        proxy = parse_proxy(option)
        return Route({"http": proxy, "https": proxy}, direct)
    every = _variable("all_proxy", environ)
    named = {scheme: _variable(f"{scheme}_proxy", environ) or every for scheme in ("http", "https")}
    return Route({scheme: parse_proxy(text) for scheme, text in named.items() if text}, direct)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name, environ.get(name.upper(), "")).strip()


def _covers(rule: str, host: str, port: int) -> bool:
    """Whether a rule of `no_proxy` covers a host."""
    if rule == "*":
        return True
    name, _, number = rule.rpartition(":")
    if name and (":" not in name or name.endswith("]")) and number.isdecimal():
        if int(number) != port:
            return False
        rule = name
    if is_address(host):
        try:
            network = ipaddress.ip_network(rule.strip("[]"), strict=False)
        except ValueError:
            return False
        return ipaddress.ip_address(host) in network
    name = rule.removeprefix("*").lstrip(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
