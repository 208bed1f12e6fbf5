"""The current credential: which place wins, and what happens while a file is broken."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.config import parse_config
from iflow_relay.credential import BaseUrl, Secret
from iflow_relay.errors import NotLoggedIn, SettingsInvalid
from iflow_relay.options import OPTIONS
from iflow_relay.session import Session, Upstream

DEFAULTS = {option.name: option.default for option in OPTIONS}
IFLOW = BaseUrl("https", "apis.iflow.cn", 443, "/v1")


@pytest.fixture
def path(home: Path) -> Path:
    """settings.json, not yet there."""
    path = home / ".iflow" / "settings.json"
    path.parent.mkdir()
    return path


def put(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(fields), "utf-8")


def start(environ: dict[str, str] | None = None, **options: Any) -> Session:
    """A session with these options over the defaults."""
    values = DEFAULTS | {f"iflow_{name}": value for name, value in options.items()}
    return Session(parse_config(values), environ or {})


def test_the_settings_are_enough(path: Path) -> None:
    """Whoever has used the CLI needs nothing else."""
    put(path, apiKey="sk-a", baseUrl="https://h/v1", modelName="m")
    session = start()
    assert session.current() == Upstream(
        BaseUrl("https", "h", 443, "/v1"),
        Secret("sk-a"),
        "m",
        {
            "base_url": "~/.iflow/settings.json baseUrl",
            "api_key": "~/.iflow/settings.json apiKey",
            "model": "~/.iflow/settings.json modelName",
        },
    )
    assert session.is_logged_in
    assert session.problem is None


def test_without_an_address_it_is_iflows(path: Path) -> None:
    """The default is named as one."""
    put(path, apiKey="sk-a")
    upstream = start().current()
    assert upstream.base_url == IFLOW
    assert upstream.origins["base_url"] == "default"
    assert upstream.model is None
    assert "model" not in upstream.origins


@pytest.mark.parametrize(
    ("options", "environ", "key", "origin"),
    [
        ({"api_key": "opt"}, {"IFLOW_API_KEY": "env"}, "opt", "option iflow_api_key"),
        ({}, {"IFLOW_API_KEY": "env"}, "env", "environment IFLOW_API_KEY"),
        ({}, {"iflow_apiKey": "env"}, "env", "environment iflow_apiKey"),
        ({}, {"IFLOW_API_KEY": " "}, "file", "~/.iflow/settings.json apiKey"),
        ({}, {}, "file", "~/.iflow/settings.json apiKey"),
    ],
)
def test_the_highest_place_gives_the_key(
    path: Path, options: dict[str, Any], environ: dict[str, str], key: str, origin: str
) -> None:
    """Option, environment, file."""
    put(path, apiKey="file")
    upstream = start(environ, **options).current()
    assert upstream.key == Secret(key)
    assert upstream.origins["api_key"] == origin


@pytest.mark.parametrize(
    ("options", "environ", "host", "origin"),
    [
        ({"base_url": "http://o"}, {"IFLOW_BASE_URL": "http://e"}, "o", "option iflow_base_url"),
        ({}, {"IFLOW_baseUrl": "http://e"}, "e", "environment IFLOW_baseUrl"),
        ({}, {}, "f", "~/.iflow/settings.json baseUrl"),
    ],
)
def test_the_highest_place_gives_the_address(
    path: Path, options: dict[str, Any], environ: dict[str, str], host: str, origin: str
) -> None:
    """Each value is looked for on its own."""
    put(path, apiKey="sk-a", baseUrl="http://f")
    upstream = start(environ, **options).current()
    assert upstream.base_url.host == host
    assert upstream.origins["base_url"] == origin
    assert upstream.origins["api_key"] == "~/.iflow/settings.json apiKey"


def test_the_environment_gives_the_model(path: Path) -> None:
    """As the CLI has it."""
    put(path, apiKey="sk-a", modelName="file")
    assert start({"IFLOW_MODEL_NAME": "env"}).current().model == "env"


def test_without_a_key_nobody_is_logged_in() -> None:
    """The message says what to do."""
    session = start()
    for _ in range(2):
        with pytest.raises(NotLoggedIn, match="run `iflow-relay login`, which writes") as caught:
            session.current()
        assert (caught.value.status, caught.value.code) == (401, "not_logged_in")
    assert not session.is_logged_in
    assert isinstance(session.problem, NotLoggedIn)


def test_an_upstream_on_this_machine_may_go_without_a_key() -> None:
    """Ollama and llama.cpp want none."""
    upstream = start(base_url="http://localhost:11434/v1").current()
    assert upstream.key is None
    assert "api_key" not in upstream.origins


def test_a_change_is_seen_without_a_restart(path: Path) -> None:
    """Log in, change the key, log out."""
    session = start()
    with pytest.raises(NotLoggedIn):
        session.current()
    put(path, apiKey="sk-first")
    assert session.current().key == Secret("sk-first")
    put(path, apiKey="sk-second-one")
    assert session.current().key == Secret("sk-second-one")
    path.unlink()
    with pytest.raises(NotLoggedIn):
        session.current()
    assert not session.is_logged_in


def test_files_that_have_not_changed_are_not_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request costs a `stat` a file, no more."""
    put(path, apiKey="sk-a")
    session = start()
    first = session.current()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", fail)
    assert session.current() is first


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"apiKey": 5}',
        b'{"apiKey": "$NOPE"}',
        b'{"apiKey": "a", "baseUrl": "file:///x"}',
        '{"apiKey": "sk-\u00e4"}'.encode(),
        b'{"apiKey": "sk-\\ud800"}',
    ],
)
def test_while_the_file_is_broken_the_last_good_credentials_serve(
    path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The user is told once; the problem stands until the file is mended."""
    put(path, apiKey="sk-good")
    session = start()
    good = session.current()
    path.write_bytes(broken)
    with caplog.at_level(logging.WARNING):
        assert session.current() == good
        assert session.current() == good
    assert len(caplog.records) == 1
    assert "last good credentials go on" in caplog.text
    assert isinstance(session.problem, SettingsInvalid)
    assert session.is_logged_in
    put(path, apiKey="sk-mended")
    assert session.current().key == Secret("sk-mended")
    assert session.problem is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", r"settings\.json: it is no JSON"),
        (b'{"apiKey": ["x"]}', "apiKey is a list"),
        (b'{"apiKey": "a", "baseUrl": "example.com"}', r"base URL \(.* baseUrl\) is wrong"),
        ('{"apiKey": "sk-\u00e4"}'.encode(), "letters that no header can carry"),
        (b'{"apiKey": "sk-\\ud800"}', "apiKey"),
        (b'{"apiKey": "sk-a b"}', "no header can carry|blanks"),
    ],
)
def test_a_file_that_was_never_good_is_an_error(path: Path, data: bytes, why: str) -> None:
    """The message names the file and what is wrong in it."""
    path.write_bytes(data)
    session = start()
    with pytest.raises(SettingsInvalid, match=why) as caught:
        session.current()
    assert (caught.value.status, caught.value.code) == (503, "settings_invalid")
    assert not session.is_logged_in


def test_a_broken_file_is_not_needed_where_all_is_said_above_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Options and environment together say where to go and with what."""
    path.write_bytes(b"{")
    session = start({"IFLOW_API_KEY": "sk-a"}, base_url="http://h/v1")
    assert session.current().key == Secret("sk-a")
    assert "is not needed" in caplog.text
    with pytest.raises(SettingsInvalid):
        start({"IFLOW_API_KEY": "sk-a"}).current()


def test_an_error_is_a_fresh_one_each_time(path: Path) -> None:
    """One that is raised twice would drag its first traceback along."""
    path.write_bytes(b"{")
    session = start()
    raised = []
    for _ in range(2):
        with pytest.raises(SettingsInvalid) as caught:
            session.current()
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert raised[0].message == raised[1].message
