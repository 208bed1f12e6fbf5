"""How `iflow-relay login --oauth` leads through the browser, and writes what comes of it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from ..config import Config
from ..credential import Secret
from ..exchange import Login, redeem
from ..login.callback import Callback, code_from_pasted
from ..login.key import read_target
from ..login.oauth import OAuthLogin, write_oauth_login
from ..oauth import CALLBACK_PATH, DEFAULT_URL, OAuthClient, find_client
from .conversation import Conversation, until_written
from .login_report import Result, prepare, report
from .login_trial import find_way, make_context

CLOSED: Final = "iFlow's own login closed in April 2026: it may not answer."

PASTED: Final = f"http://localhost:11451{CALLBACK_PATH}"
"""Where a browser on another machine is led: nobody is there, and its address is pasted."""

MAX_PASTED: Final = 64 << 10
"""Letters of an address that are read: real ones have a few hundred."""


def log_in_by_oauth(
    talk: Conversation,
    config: Config,
    sets: Sequence[str],
    *,
    base_url: str | None,
    model: str | None,
    browser: bool,
) -> None:
    """Lead the reader through the browser and write the key; raises LoginError."""
    base, repairs, _ = read_target(None, base_url)
    if repairs:
        talk.say(f"The base URL is {base} ({', '.join(repairs)}).")
    client = find_client(config, os.environ)
    if str(client.url) == DEFAULT_URL:
        talk.warn(CLOSED)
    with until_written():
        replace = prepare(talk, config.settings)
        code, redirect = _listen(talk, client) if browser else _ask(talk, client)
        login = _redeem(config, sets, client, code, redirect)
    written = write_oauth_login(
        config.settings, login, base_url=base, model=model, replace_damaged=replace
    )
    report(talk, config, Result(written, base, login.key, model, None, login.account))


def _listen(talk: Conversation, client: OAuthClient) -> tuple[Secret, str]:
    """The code that the browser brings by itself, and the redirect that it came by."""
    with Callback() as callback:
        login = OAuthLogin(client, callback.redirect)
        talk.say(f"Log in on this page (five minutes):\n\n  {login.url}\n")
        if not open_browser(login.url, os.environ):
            talk.say(
                "There is no browser here: open it in one on this machine. From another machine "
                "use --no-browser."
            )
        return callback.wait(login), callback.redirect


def _ask(talk: Conversation, client: OAuthClient) -> tuple[Secret, str]:
    """The code out of an address that the reader pastes, and the redirect that it came by."""
    login = OAuthLogin(client, PASTED)
    talk.say(
        f"Log in on this page, in any browser (five minutes):\n\n  {login.url}\n\n"
        "In the end it shows a page that cannot be opened. Copy that page's whole address."
    )
    return code_from_pasted(_read_pasted(talk), login), PASTED


def _read_pasted(talk: Conversation) -> str:
    if talk.terminal:
        return talk.ask("Its address:")
    return sys.stdin.readline(MAX_PASTED)


def _redeem(
    config: Config, sets: Sequence[str], client: OAuthClient, code: Secret, redirect: str
) -> Login:
    way = find_way(config, client.url)
    return redeem(client, code, redirect, way, context=make_context(sets, client.url))


def open_browser(url: str, environ: Mapping[str, str]) -> bool:
    """Open the page where there is a browser with windows; returns whether there is one.

    One that fills the terminal is not taken, and one that does not return is not waited for.
    """
    import webbrowser

    windows = sys.platform in ("darwin", "win32")
    if not windows and not any(map(environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))):
        return False
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    threading.Thread(target=browser.open, args=[url], daemon=True, name="browser").start()
    return True
