"""What a person reads in the terminal."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from iflow_relay.config import parse_config
from iflow_relay.console import (
    describe_upstream,
    expiry_rows,
    render_greeting,
    render_interception,
    render_left,
)
from iflow_relay.options import OPTIONS
from iflow_relay.session import Session


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3 * 86400 + 5, "in 3 days"),
        (86400, "in 1 day"),
        (86399, "in 23 hours"),
        (3600, "in 1 hour"),
        (119, "in 1 minute"),
        (5, "in 0 minutes"),
        (-60, "1 minute ago"),
        (-2 * 86400, "2 days ago"),
    ],
)
def test_the_time_that_is_left_is_said_in_one_unit(seconds: float, text: str) -> None:
    """Rounded down: nobody plans by the second."""
    assert render_left(seconds) == text


def test_a_start_says_where_the_page_is(home: Path) -> None:
    """Who has no key yet begins there."""
    session = session_of(home, {})
    greeting = render_greeting("http://127.0.0.1:8000/v1", session, demo=False, web=False)
    assert "  Page       http://127.0.0.1:8000/ " in greeting
    told = render_interception("http://[::1]:8000/v1", "http://p", (), session, web=False)
    assert "  Page       http://[::1]:8000/ " in told
    assert "http://[::1]:8000/proxy.pac" in told


def session_of(home: Path, document: dict[str, str]) -> Session:
    """A session that has looked into this settings.json."""
    (home / ".iflow").mkdir()
    (home / ".iflow" / "settings.json").write_text(json.dumps(document), "utf-8")
    session = Session(parse_config({option.name: option.default for option in OPTIONS}), {})
    session.refresh()
    return session


def test_a_login_shows_its_end(home: Path) -> None:
    """In the user's own time zone."""
    end = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 2.5 * 86400))
    document = {"apiKey": "sk-a", "oauth_refresh_token": "r", "oauth_expires_at": end}
    [(name, value, origin)] = expiry_rows(session_of(home, document))
    assert (name, origin) == ("expires", "settings.json")
    assert value == f"{end[:16].replace('T', ' ')} (in 2 days)"


@pytest.mark.parametrize("document", [{}, {"apiKey": "sk-a"}])
def test_a_key_without_an_end_shows_none(home: Path, document: dict[str, str]) -> None:
    """Nor does no key at all."""
    assert expiry_rows(session_of(home, document)) == []


def test_a_relay_that_replays_says_so(tmp_path: Path) -> None:
    """It stands in front of nobody."""
    path = tmp_path / "session.mitm"
    path.touch()
    options = {option.name: option.default for option in OPTIONS}
    session = Session(parse_config(options | {"iflow_replay": str(path)}), {})
    assert describe_upstream(session).startswith("answering from the recording ")
    assert describe_upstream(session).endswith("session.mitm")
