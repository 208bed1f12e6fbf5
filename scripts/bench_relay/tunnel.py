"""How fast a download through a tunnel is, beside bare mitmproxy that ignores all hosts."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .client import LoadError
from .host import pinned, split_cores
from .runner import Say
from .systems import DIRECT, ROOT, House, free_port, mitmdump, relay_options
from .tables import render_table

BAR = 0.9
BARE = "bare tunnel"
PATIENCE = 60
"""Seconds that a download may be silent."""


class Amount(NamedTuple):
    """Downloads of each system, taking turns, and their size in bytes."""

    rounds: int = 7
    size: int = 200 << 20


type Rates = dict[str, list[float]]
"""MB/s of each round by system."""


def _bare(port: int) -> list[str]:
    return mitmdump(f"regular@127.0.0.1:{port}", "--set", "ignore_hosts=.*")


def _stock(port: int) -> list[str]:
    script = ("-s", str(ROOT / "addon" / "iflow.py"))
    return mitmdump(f"regular@127.0.0.1:{port}", *script, *relay_options(free_port()))


def _intercept(port: int) -> list[str]:
    listen = ("--listen", f"127.0.0.1:{free_port()}", "--proxy", f"127.0.0.1:{port}")
    return [sys.executable, "-m", "iflow_relay", "intercept", *listen, *relay_options(free_port())]


PROXIES: Mapping[str, Callable[[int], list[str]]] = {
    BARE: _bare,
    "stock": _stock,
    "intercept": _intercept,
}


def measure_tunnels(amount: Amount, say: Say) -> Rates:
    """Download through each in turn, and all that again; raises LoadError where one fails."""
    cores = split_cores()
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        pinned(cores.load if cores else None),
        House(Path(folder), cores) as house,
    ):
        source = free_port()
        house.start_listener([sys.executable, "-m", f"{__package__}.pouring", str(source)], source)
        ports: dict[str, int] = {DIRECT: source}
        for name, command in PROXIES.items():
            say(f"start: {name}")
            ports[name] = free_port()
            with pinned(cores.proxy if cores else None):
                house.start_listener(command(ports[name]), ports[name])
        rates: Rates = {name: [] for name in ports}
        for turn in range(amount.rounds):
            say(f"round {turn + 1} of {amount.rounds}")
            for name, port in ports.items():
                rates[name].append(_download(port, source, amount.size) / 1e6)
        return rates


def _download(port: int, source: int, size: int) -> float:
    """Bytes in a second."""
    buffer = bytearray(1 << 18)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        if port != source:
            _ask_for_tunnel(connection, f"127.0.0.1:{source}")
        begun = time.monotonic()
        connection.sendall(b"%d\n" % size)
        left = size
        while left and (count := connection.recv_into(buffer)):
            left -= count
        taken = time.monotonic() - begun
    if left:
        raise LoadError(f"{left} of {size} bytes did not come")
    return size / taken


def _ask_for_tunnel(connection: socket.socket, target: str) -> None:
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = connection.recv(4096)
    if b" 200 " not in head or not head.endswith(b"\r\n\r\n"):
        raise LoadError(f"no tunnel: {head!r}")


def ratios(rates: Rates, name: str) -> list[float]:
    """How many times bare mitmproxy's rate, round by round."""
    return [mine / bare for mine, bare in zip(rates[name], rates[BARE], strict=True)]


def render_rates(rates: Rates) -> str:
    """A table with the bar of each that has one."""
    rows = [_row(rates, name) for name in rates]
    return render_table(("download by a tunnel", "MB/s", "x bare", "least", "most", ""), rows)


def _row(rates: Rates, name: str) -> tuple[str, ...]:
    speed = f"{median(rates[name]):,.0f}"
    if name in (DIRECT, BARE):
        return (name, speed, "", "", "", "")
    found = ratios(rates, name)
    shown = (f"{value:.2f}" for value in (median(found), min(found), max(found)))
    return (name, speed, *shown, f"≥ {BAR}: {'met' if median(found) >= BAR else 'MISSED'}")


def render_rates_json(rates: Rates) -> str:
    """The same for programs."""
    document = {
        name: {"mb_per_second": median(each), "ratio": median(ratios(rates, name))}
        for name, each in rates.items()
    }
    return json.dumps(document, indent=2)
