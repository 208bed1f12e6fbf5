"""A browser for `BROWSER`: opens the login service's page, presses a button, and follows it.

    python pressing.py BUTTON NOTES ADDRESS

It writes what the last page shows into the file NOTES.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener


def read(address: str) -> str:
    """The page at an address, whatever its status."""
    try:
        answer = build_opener(ProxyHandler({})).open(address, timeout=20)
    except HTTPError as error:
        answer = error
    with answer:
        text: str = answer.read().decode()
        return text


def press(button: str, address: str) -> str:
    """The page that the button leads to."""
    found = re.search(rf'id="{button}" href="([^"]*)"', read(address))
    assert found, address
    return read(unescape(found[1]))


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(press(sys.argv[1], sys.argv[3]), "utf-8")
