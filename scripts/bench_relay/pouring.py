"""A server that pours out bytes: `python -m scripts.bench_relay.pouring PORT`.

Whoever connects says how many, in decimal and with a line's end, and gets them.
"""

from __future__ import annotations

import socket
import sys
import threading

PIECE = bytes(range(256)) * 1024


def pour(connection: socket.socket) -> None:
    """Answer one connection."""
    with connection, connection.makefile("rb") as asked:
        left = int(asked.readline() or b"0")
        while left > 0:
            piece = memoryview(PIECE)[:left]
            connection.sendall(piece)
            left -= len(piece)


def main(port: int) -> None:
    """Serve until it is ended."""
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=pour, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
