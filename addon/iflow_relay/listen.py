"""The address a person asks to listen on: read, and tried before anything is set up."""

from __future__ import annotations

import socket

from .credential import is_loopback


def parse_listen(text: str) -> tuple[str, int]:
    """Read `8000`, `127.0.0.1:8000` or `[::1]:8000`; raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError(f"{text!r} is no address: write PORT or HOST:PORT")
    return host, int(port)


def check_port(host: str, port: int) -> None:
    """Raise OSError with what to do where a loopback port is taken."""
    if not port or not is_loopback(host):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"Nothing can listen on {host}:{port} ({error.strerror}). Is a relay running "
                f"already? Else choose another port, for example --listen {port + 1}"
            ) from error
