"""A renewed key in the place of the old one: where it is written, and what is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from iflow_relay import mark
from iflow_relay.config import parse_config
from iflow_relay.credential import Secret
from iflow_relay.options import OPTIONS
from iflow_relay.session import Session
from iflow_relay.succession import Successor, Successors, Unwritten, write_successor
from iflow_relay.tokens import CLI_FILE, SETTINGS, Held, Tokens, settings_members

SOON = 1_800_000_000.0
LATER = SOON + 86400


def held(name: str, place: str = SETTINGS) -> Held:
    """A key and its refresh token, both of this name."""
    return Held(Secret(f"sk-{name}"), Tokens(Secret(f"refresh-{name}"), SOON, place))


def successor(name: str, place: str = SETTINGS, expires: float | None = LATER) -> Successor:
    """What has come in the place of another."""
    tokens = Tokens(Secret(f"refresh-{name}"), expires, place)
    return Successor(Secret(f"sk-{name}"), Secret(f"access-{name}"), tokens)


OLD, NEW = held("old"), successor("new")


@pytest.fixture
def path(home: Path) -> Path:
    """settings.json as a login of ours has left it."""
    path = home / ".iflow" / "settings.json"
    path.parent.mkdir()
    members = settings_members(OLD.key, Secret("access-old"), OLD.tokens.refresh, SOON)
    members |= {"searchApiKey": "sk-old", "baseUrl": "http://127.0.0.1:9/v1"}
    put(path, {"theme": "Dark"} | members | {mark.MEMBER: mark.mark(members), "last": 1})
    return path


def put(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), "utf-8")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_all_that_held_the_old_key_holds_the_new(path: Path) -> None:
    """In its place; all else is as it was, and a later logout still knows what is ours."""
    before = read(path)
    write_successor(path, OLD, NEW)
    found = read(path)
    assert list(found) == list(before)
    assert found["apiKey"] == found["searchApiKey"] == "sk-new"
    assert found["oauth_refresh_token"] == "refresh-new"
    assert found["oauth_access_token"] == "access-new"
    assert found["oauth_expires_at"] == "2027-01-16T08:00:00+00:00"
    assert mark.ours(found) == mark.ours(before) == frozenset(before[mark.MEMBER])


def test_an_end_that_is_not_known_is_taken_out(path: Path) -> None:
    """The old one would end the new key at once."""
    write_successor(path, OLD, successor("new", expires=None))
    found = read(path)
    assert "oauth_expires_at" not in found
    assert "oauth_expires_at" not in found[mark.MEMBER]


def test_a_file_without_our_mark_gets_none(path: Path) -> None:
    """Another program's login stays another program's."""
    document = read(path)
    del document[mark.MEMBER]
    put(path, document)
    write_successor(path, OLD, NEW)
    assert mark.MEMBER not in read(path)


@pytest.mark.parametrize("name", ["apiKey", "searchApiKey"])
def test_a_key_of_somebody_elses_stays(path: Path, name: str) -> None:
    """It was put in by hand, beside the login."""
    put(path, read(path) | {name: "sk-mine"})
    write_successor(path, OLD, NEW)
    assert read(path)[name] == "sk-mine"
    assert name not in mark.ours(read(path))


def test_a_login_that_came_meanwhile_stays(path: Path) -> None:
    """Not one byte is changed."""
    put(path, read(path) | {"oauth_refresh_token": "refresh-another"})
    before = path.stat().st_mtime_ns, path.read_bytes()
    write_successor(path, OLD, NEW)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_the_clis_own_file_comes_first(path: Path) -> None:
    """Killed between the two files, the next start finds the new key in the CLI's."""
    creds = path.with_name(CLI_FILE)
    put(path, {"selectedAuthType": "oauth-iflow", "apiKey": "sk-old"})
    put(creds, {"refresh_token": "refresh-old", "apiKey": "sk-old", "scope": "read"})
    settings = path.read_bytes()
    write_successor(path, held("old", CLI_FILE), successor("new", CLI_FILE))
    assert read(path) == {"selectedAuthType": "oauth-iflow", "apiKey": "sk-new"}
    assert read(creds) == {
        "refresh_token": "refresh-new",
        "apiKey": "sk-new",
        "scope": "read",
        "access_token": "access-new",
        "expiry_date": int(LATER * 1000),
    }
    path.write_bytes(settings)
    assert start(Successors()).current().key == Secret("sk-new")


def start(successors: Successors) -> Session:
    """A session over the defaults."""
    return Session(
        parse_config({option.name: option.default for option in OPTIONS}), {}, successors
    )


def test_a_line_of_successors_is_followed_to_its_end() -> None:
    """From wherever in it a file stands."""
    successors = Successors()
    first, second, third = (successor(name) for name in ("1", "2", "3"))
    successors.add(OLD, first)
    successors.add(Held(first.key, first.tokens), second)
    successors.add(Held(second.key, second.tokens), third)
    assert successors.latest(OLD) == successors.latest(held("1")) == third
    assert successors.latest(held("3")) is None
    assert successors.latest(held("other")) is None


def test_a_renewal_that_gives_the_same_again_makes_no_circle() -> None:
    """Its end may be another, but there is nothing to follow."""
    successors = Successors()
    successors.add(OLD, successor("old"))
    assert successors.latest(OLD) is None


def test_a_session_uses_the_successor_of_what_the_file_says(path: Path) -> None:
    """And says that the file lags behind, until it does not."""
    successors = Successors()
    session = start(successors)
    old = session.current().held
    assert old
    assert session.unwritten is None
    successors.add(old, NEW)
    session.read_again()
    assert session.current().key == NEW.key
    assert session.unwritten == Unwritten(old, NEW)
    write_successor(path, old, NEW)
    assert session.current().key == NEW.key
    assert session.unwritten is None
    os.utime(path)
    assert session.current().held == Held(NEW.key, NEW.tokens._replace(marked=True))


def test_no_secret_is_printed() -> None:
    """By whatever is handed about."""
    text = repr((OLD, NEW, Unwritten(OLD, NEW)))
    assert [
        word for word in ("sk-old", "refresh-old", "sk-new", "access-new") if word in text
    ] == []
