"""The page's files: read once, sent as they are but for the token in the page itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..credential import Secret
from ..errors import NotFound
from .asked import Asked, Said

STATIC: Final = Path(__file__).with_name("static")
INDEX: Final = "index.html"
VENDOR: Final = "vendor"
"""The folder in it with what others wrote."""

PLACEHOLDER: Final = b"{{token}}"

TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}
"""What is served at all, and as what."""


class Asset(NamedTuple):
    """One file as a browser gets it; `tag` changes with its bytes."""

    body: bytes
    type: bytes
    tag: str


class Assets:
    """The files of a folder by their names; no path is ever made of what a client asks for."""

    def __init__(self, token: Secret, folder: Path = STATIC) -> None:
        self._token = token
        self._folder = folder
        self._files: Mapping[str, Asset] | None = None

    def page(self) -> Said:
        """The page with the token in it, which no cache keeps."""
        page = self._find(INDEX)
        body = page.body.replace(PLACEHOLDER, self._token.reveal().encode())
        return Said(200, ((b"Content-Type", page.type),), body)

    def file(self, name: str, asked: Asked) -> Said:
        """A file, or 304 where the browser has it already; raises NotFound."""
        if name == INDEX:
            raise NotFound("The page is at /.")
        asset = self._find(name)
        fields = ((b"ETag", asset.tag.encode()), (b"Cache-Control", b"no-cache"))
        if _has(asked.given.get("if-none-match", ""), asset.tag):
            return Said(304, fields, b"")
        return Said(200, ((b"Content-Type", asset.type), *fields), asset.body)

    def _find(self, name: str) -> Asset:
        if self._files is None:
            self._files = read_assets(self._folder)
        if name not in self._files:
            raise NotFound("The page has no such file.")
        return self._files[name]


def read_assets(folder: Path) -> dict[str, Asset]:
    """The files in the folder, and in the one of others' works, that are of a type to be served."""
    theirs = folder / VENDOR
    return _read_folder(folder) | {
        f"{VENDOR}/{name}": asset
        for name, asset in (_read_folder(theirs) if theirs.is_dir() else {}).items()
    }


def _read_folder(folder: Path) -> dict[str, Asset]:
    return {
        path.name: _read(path)
        for path in folder.iterdir()
        if path.suffix in TYPES and path.is_file() and not path.name.startswith(".")
    }


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _has(header: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag; a weak one is as good (RFC 9110, section 13.1.2)."""
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in named or named == ["*"]
