"""One OAuth login takes one callback, of its own, in time; what it gave is written whole."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from iflow_relay import mark
from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.errors import LoginRefused, SettingsDamaged
from iflow_relay.exchange import Login
from iflow_relay.login.oauth import OAuthLogin, write_oauth_login
from iflow_relay.oauth import CLIENT_ID, OAuthClient
from iflow_relay.tokens import read_settings

REDIRECT = "http://localhost:11451/oauth2callback"
CLIENT = OAuthClient(parse_base_url("https://iflow.cn"), CLIENT_ID, Secret("made-up-secret"))


class Clock:
    """A clock that stands still until it is moved; seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The login's clock."""
    return Clock()


@pytest.fixture
def login(clock: Clock) -> OAuthLogin:
    """A login that waits."""
    return OAuthLogin(CLIENT, REDIRECT, clock=clock)


def refused(login: OAuthLogin, query: str) -> str:
    """The code of the refusal of a callback."""
    with pytest.raises(LoginRefused) as caught:
        login.take(query)
    return caught.value.code


def test_every_login_has_a_state_of_its_own() -> None:
    """Long enough that nobody guesses it; it stands in the page's address."""
    logins = [OAuthLogin(CLIENT, REDIRECT) for _ in range(100)]
    assert len({login.state for login in logins}) == 100
    assert all(len(login.state) >= 43 for login in logins)
    assert all(f"state={login.state}&" in login.url for login in logins)
    assert logins[0].url.startswith("https://iflow.cn/oauth?")
    assert logins[0].redirect == REDIRECT


def test_a_login_gives_its_code_once(login: OAuthLogin) -> None:
    """A second callback comes too late, be it the same one."""
    query = f"code=abc&state={login.state}"
    assert login.take(query) == Secret("abc")
    for again in (query, f"error=access_denied&state={login.state}", f"state={login.state}"):
        assert refused(login, again) == "login_used"
    assert refused(login, "code=abc&state=foreign") == "state_mismatch"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code=foreign", "state_mismatch"),
        ("code=foreign&state=foreign", "state_mismatch"),
        ("error=access_denied&state=foreign", "state_mismatch"),
        ("state={state}", "login_refused"),
        ("error=access_denied&state={state}", "access_denied"),
    ],
)
def test_a_callback_without_the_code_uses_nothing_up(
    login: OAuthLogin, query: str, code: str
) -> None:
    """The right one may still come."""
    assert refused(login, query.format(state=login.state)) == code
    assert login.take(f"code=abc&state={login.state}") == Secret("abc")


def test_only_one_of_many_gets_the_code(login: OAuthLogin) -> None:
    """However many threads bring it at the same time."""
    got: list[str] = []
    start = threading.Barrier(8)

    def bring() -> None:
        start.wait()
        try:
            got.append(login.take(f"code=abc&state={login.state}").reveal())
        except LoginRefused as refusal:
            got.append(refusal.code)

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["abc", *["login_used"] * 7]


def test_after_five_minutes_it_is_over(login: OAuthLogin, clock: Clock) -> None:
    """By the clock that it was given, to the second."""
    query = f"code=abc&state={login.state}"
    clock.now = login.deadline - 1
    assert not login.expired
    clock.now += 1
    assert login.expired
    assert refused(login, query) == "login_expired"
    assert refused(login, f"error=access_denied&state={login.state}") == "login_expired"
    assert refused(login, "code=abc&state=foreign") == "state_mismatch"
    assert login.deadline == 1000 + 300


@pytest.mark.parametrize(
    ("patience", "words"), [(300.0, "5 minutes"), (60.0, "1 minute:"), (90.0, "1.5 minutes")]
)
def test_it_says_how_long_it_waited(patience: float, words: str) -> None:
    """In minutes."""
    login = OAuthLogin(CLIENT, REDIRECT, patience=patience)
    assert words in login.give_up().message


KEY, ACCESS, REFRESH = Secret("sk-made-up-key"), Secret("made-up-access"), Secret("made-up-refresh")
EXPIRES = 1_795_000_000.0
LOGIN = Login(KEY, ACCESS, REFRESH, EXPIRES, "so…@example.com")
IFLOW = "https://apis.iflow.cn/v1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where settings.json is to be."""
    return tmp_path / ".iflow" / "settings.json"


def read(path: Path) -> dict[str, Any]:
    """What was written."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def test_a_login_writes_key_tokens_and_date(path: Path) -> None:
    """The key twice, as the CLI has it; the date in UTC; and a mark of what it wrote."""
    written = write_oauth_login(path, LOGIN)
    document = read(path)
    members = {name: value for name, value in document.items() if name != mark.MEMBER}
    assert members == {
        "selectedAuthType": "oauth-iflow",
        "apiKey": "sk-made-up-key",
        "searchApiKey": "sk-made-up-key",
        "baseUrl": IFLOW,
        "oauth_access_token": "made-up-access",
        "oauth_refresh_token": "made-up-refresh",
        "oauth_expires_at": "2026-11-18T11:06:40+00:00",
    }
    assert mark.ours(document) == members.keys()
    assert (written.created, written.changed, written.backup) == (True, True, None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_login_writes_is_what_the_relay_reads(path: Path) -> None:
    """Key, base URL, and what renews the key."""
    write_oauth_login(path, LOGIN)
    tokens = read_settings(read(path))
    assert tokens is not None
    assert (tokens.refresh, tokens.expires, tokens.marked) == (REFRESH, EXPIRES, True)


def test_base_url_and_model_are_written_where_they_are_given(path: Path) -> None:
    """Else iFlow's own, and the model that was there stays."""
    path.parent.mkdir()
    path.write_text('{"modelName": "old"}')
    write_oauth_login(path, LOGIN)
    assert (read(path)["baseUrl"], read(path)["modelName"]) == (IFLOW, "old")
    write_oauth_login(path, LOGIN, base_url=parse_base_url("http://127.0.0.1:1/v1"), model="new")
    assert (read(path)["baseUrl"], read(path)["modelName"]) == ("http://127.0.0.1:1/v1", "new")


def test_what_others_wrote_stays(path: Path) -> None:
    """Members, comments and order."""
    path.parent.mkdir()
    path.write_text('{\n  // mine\n  "theme": "Default",\n  "tokensLimit": 128000\n}\n')
    write_oauth_login(path, LOGIN)
    text = path.read_text()
    assert text.startswith('{\n  // mine\n  "theme": "Default",\n  "tokensLimit": 128000,\n')


@pytest.mark.parametrize(
    "login", [LOGIN._replace(refresh=None), LOGIN._replace(refresh=None, expires=None)]
)
def test_without_a_refresh_token_none_of_another_login_stays(path: Path, login: Login) -> None:
    """It would renew somebody else's key, at somebody else's time."""
    path.parent.mkdir()
    path.write_text('{"oauth_refresh_token": "old", "oauth_expires_at": "2020-01-01", "x": 1}')
    write_oauth_login(path, login)
    document = read(path)
    assert not {"oauth_refresh_token", "oauth_expires_at"} & document.keys()
    assert document["oauth_access_token"] == "made-up-access"
    assert document["x"] == 1


def test_without_an_end_no_date_of_another_login_stays(path: Path) -> None:
    """The old key's end is not the new one's."""
    path.parent.mkdir()
    path.write_text('{"oauth_expires_at": "2020-01-01"}')
    write_oauth_login(path, LOGIN._replace(expires=None))
    assert "oauth_expires_at" not in read(path)
    assert read(path)["oauth_refresh_token"] == "made-up-refresh"


def test_a_damaged_file_is_replaced_only_when_that_was_said(path: Path) -> None:
    """And kept beside the new one."""
    path.parent.mkdir()
    path.write_text("{ not json")
    with pytest.raises(SettingsDamaged):
        write_oauth_login(path, LOGIN)
    assert path.read_text() == "{ not json"
    written = write_oauth_login(path, LOGIN, replace_damaged=True)
    assert written.backup is not None
    assert written.backup.read_text() == "{ not json"
    assert read(path)["apiKey"] == "sk-made-up-key"


def test_a_second_login_takes_the_place_of_the_first(path: Path) -> None:
    """All of its members, and the mark."""
    write_oauth_login(path, LOGIN, model="first")
    other = Login(Secret("sk-other"), Secret("access-2"), Secret("refresh-2"), None, None)
    write_oauth_login(path, other)
    text = path.read_text()
    assert "made-up" not in text
    document = read(path)
    assert document["apiKey"] == document["searchApiKey"] == "sk-other"
    assert mark.ours(document) == document.keys() - {mark.MEMBER}
