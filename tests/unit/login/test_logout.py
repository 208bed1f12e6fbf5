"""The end of a login: what it wrote goes, all else stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iflow_relay.errors import SettingsDamaged
from iflow_relay.login.key import read_key_login, write_key_login
from iflow_relay.login.logout import log_out

KEY = "sk-0123456789abcdef"

COMMENTED = """\
// what I like
{
  "theme": "Default", /* not the other */
  "mcpServers": {"a": [1.0, 1e3]},
  "big": 12345678901234567890,
  "last": "\\u00e9",
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where settings.json is."""
    return tmp_path / "settings.json"


def log_in(path: Path, upstream: str = "deepseek", model: str | None = "m") -> None:
    """Log in by a key."""
    login = read_key_login(key=KEY, upstream=upstream, base_url=None, model=model)
    write_key_login(path, login)


@pytest.mark.parametrize("text", [COMMENTED, "{}\n", '{"theme":"x"}', '\ufeff{\r\n\t"a": 1\r\n}'])
def test_after_login_and_logout_the_file_is_as_it_was(path: Path, text: str) -> None:
    """To the byte: comments, order, numbers as they were written."""
    path.write_bytes(text.encode())
    log_in(path)
    assert KEY in path.read_text("utf-8")
    done = log_out(path)
    assert done.removed == ("selectedAuthType", "apiKey", "baseUrl", "modelName")
    assert done.kept == ()
    assert path.read_bytes() == text.encode()


def test_what_was_changed_since_stays_and_is_told(path: Path) -> None:
    """A key that somebody put in the place of ours is theirs."""
    log_in(path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"apiKey": "sk-mine-and-not-yours"}))
    done = log_out(path)
    assert "apiKey" not in done.removed
    assert json.loads(path.read_text()) == {"apiKey": "sk-mine-and-not-yours"}
    assert len(done.kept) == 1
    assert "(apiKey)" in done.kept[0]
    assert "sk-mine" not in done.kept[0]


@pytest.mark.parametrize("text", [None, "{}", '{"apiKey": "sk-mine-and-not-yours"}'])
def test_nothing_is_written_where_no_login_of_ours_was(path: Path, text: str | None) -> None:
    """Nor is a file made."""
    if text is not None:
        path.write_text(text)
        before = path.stat()
    done = log_out(path)
    assert (done.removed, done.written) == ((), None)
    assert path.exists() is (text is not None)
    if text is not None:
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        assert path.read_text() == text


def test_a_second_logout_finds_nothing(path: Path) -> None:
    """The mark went with the rest."""
    log_in(path)
    assert log_out(path).written
    assert log_out(path).removed == ()


@pytest.mark.parametrize(
    ("file", "member"),
    [("oauth_creds.json", "apiKey"), ("iflow_accounts.json", "iflowApiKey")],
)
def test_a_key_in_another_file_of_the_cli_is_told(path: Path, file: str, member: str) -> None:
    """It would be the next that is used."""
    log_in(path)
    path.with_name(file).write_text(json.dumps({member: KEY}))
    (sentence,) = log_out(path).kept
    assert file in sentence
    assert member in sentence
    assert KEY not in sentence


def test_a_damaged_file_is_left_alone(path: Path) -> None:
    """Nobody knows what in it is whose."""
    path.write_text("{")
    with pytest.raises(SettingsDamaged):
        log_out(path)
    assert path.read_text() == "{"
