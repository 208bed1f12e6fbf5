"""The page that a browser shows at the end of a login: did it work, and may the tab be closed."""

from __future__ import annotations

import hashlib
import tomllib
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, Literal

Language = Literal["en", "zh"]

TAGS: Final[Mapping[Language, str]] = {"en": "en", "zh": "zh-Hans"}
"""The languages as HTML names them (BCP 47)."""

ANYTHING_ELSE: Final = "login_refused"
"""Whose words stand for a code that has none of its own."""

STYLE: Final = """
:root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { max-width: 32rem; padding: 1.5rem; border-inline-start: 0.25rem solid; }
main.good { border-color: #1a7f37; }
main.bad { border-color: #cf222e; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 0.5rem; }
p { margin: 0; }
"""

PAGE: Final = """<!doctype html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · iflow-relay</title>
<style>{style}</style>
</head>
<body>
<main class="{mood}">
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""

_HASH: Final = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

FIELDS: Final = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    (
        b"Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
)
"""The address of this page holds a code: nothing may carry it on."""


def render_answer(
    ok: bool, code: str, accept_language: str = ""
) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
    """Header fields and body of the page.

    `code` is that of the error, `logged_in`, or `received` where the rest is still to come;
    `accept_language` is the request's field of that name.
    """
    language = choose_language(accept_language)
    words = _words()[language]
    said = words.get(code, words["logged_in" if ok else ANYTHING_ELSE])
    page = PAGE.format(
        tag=TAGS[language],
        title=escape(said["title"]),
        text=escape(said["text"]),
        style=STYLE,
        mood="good" if ok else "bad",
    )
    return FIELDS, page.encode()


def choose_language(accept_language: str) -> Language:
    """Chinese where the browser likes it better than English (RFC 9110, 12.5.4), else English."""
    best, liking = "en", 0.0
    for entry in accept_language[:1000].split(","):
        tag, _, quality = entry.partition(";")
        language, liked = tag.strip().lower().partition("-")[0], _quality(quality)
        if language in ("zh", "en", "*") and liked > liking:
            best, liking = language, liked
    return "zh" if best == "zh" else "en"


def _quality(text: str) -> float:
    """The weight that a language has, 1 without one and 0 for one that is none."""
    name, _, number = text.replace(" ", "").partition("=")
    if name != "q":
        return 1.0
    try:
        return float(number)
    except ValueError:
        return 0.0


@cache
def _words() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    text = files(__package__).joinpath("answer.toml").read_text("utf-8")
    return tomllib.loads(text)
