"""What `iflow-relay login` asks, says of what was written, and opens."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from iflow_relay.cli import main
from iflow_relay.commands.conversation import Conversation, until_written
from iflow_relay.commands.login_oauth import open_browser
from iflow_relay.commands.login_report import Result, find_warnings
from iflow_relay.config import Config, parse_config
from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.keycheck import Check
from iflow_relay.options import OPTIONS
from iflow_relay.settings_file import Written

KEY = "sk-0123456789abcdef"


def make_config(path: Path, **options: Any) -> Config:
    """The defaults, with this file."""
    values = {option.name: option.default for option in OPTIONS}
    changes = {f"iflow_{name}": value for name, value in options.items()}
    return parse_config(values | {"iflow_settings": str(path)} | changes)


def warn(
    path: Path,
    document: Mapping[str, object],
    *,
    base_url: str = "https://a.example/v1",
    key: str | None = KEY,
    models: tuple[str, ...] = (),
    **options: Any,
) -> list[str]:
    """What is said of a login after which the file holds this."""
    path.write_text(json.dumps(document))
    secret = Secret(key) if key else None
    check = Check("accepted", "", models)
    result = Result(Written(path, None), parse_base_url(base_url), secret, None, check)
    return list(find_warnings(make_config(path, **options), result))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """settings.json."""
    return tmp_path / "settings.json"


def test_nothing_is_said_where_all_is_well(path: Path) -> None:
    """The model is one that is listed."""
    document = {"apiKey": KEY, "baseUrl": "https://a.example/v1", "modelName": "m"}
    assert warn(path, document, models=("m", "n")) == []


def test_what_goes_before_the_file_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option or a variable; never its value."""
    monkeypatch.setenv("IFLOW_BASE_URL", "https://other.example")
    said = warn(path, {"apiKey": KEY}, api_key="sk-of-an-option-0123")
    assert said == [
        "The key of option iflow_api_key goes before the one that was written.",
        "The base URL of environment IFLOW_BASE_URL goes before the one that was written.",
    ]


def test_a_key_that_goes_along_without_a_login_is_named(path: Path) -> None:
    """A server that wants none would get another upstream's."""
    (said,) = warn(path, {"searchApiKey": KEY, "baseUrl": "http://127.0.0.1:1"}, key=None)
    assert "sent along" in said
    assert "searchApiKey" in said
    assert KEY not in said


def test_a_model_of_another_upstream_is_named(path: Path) -> None:
    """It stays where nobody said another."""
    (said,) = warn(path, {"apiKey": KEY, "modelName": "glm-4.7"}, models=("m",))
    assert "glm-4.7" in said
    assert "--model" in said


def test_a_server_on_the_relays_own_port_is_named(path: Path) -> None:
    """vLLM's default is the relay's too."""
    (said,) = warn(path, {"apiKey": KEY}, base_url="http://127.0.0.1:8000/v1")
    assert "--listen" in said


@pytest.mark.parametrize(
    ("yes", "terminal", "agreed"), [(True, True, True), (True, False, True), (False, False, False)]
)
def test_whoever_cannot_be_asked_has_said_no_but_for_yes(
    yes: bool, terminal: bool, agreed: bool
) -> None:
    """Nobody waits for an answer that cannot come."""
    assert Conversation(False, yes, terminal).confirm("Go on?") is agreed


@pytest.mark.parametrize(
    ("cause", "status"), [(KeyboardInterrupt(), 130), (EOFError(), 1), (None, 1)]
)
def test_breaking_off_is_said_with_its_status(
    cause: BaseException | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """click makes one exception of both."""
    abort = click.Abort()
    abort.__context__ = cause
    with pytest.raises(SystemExit) as caught, until_written():
        raise abort
    assert caught.value.code == status
    assert "Nothing was written." in capsys.readouterr().err


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there is always a desktop there")
def test_no_browser_is_opened_where_there_are_no_windows() -> None:
    """One that fills the terminal would be in the way."""
    assert open_browser("http://127.0.0.1:9/", {"DISPLAY": "", "TERM": "xterm"}) is False


def test_a_system_without_a_browser_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is printed in any case."""

    def fail(using: str | None = None) -> webbrowser.BaseBrowser:
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "get", fail)
    assert open_browser("http://127.0.0.1:9/", {"DISPLAY": ":0"}) is False


def test_the_upstreams_are_listed_for_people_and_programs() -> None:
    """With what each has."""
    table = CliRunner().invoke(main, ["login", "--list"])
    assert table.exit_code == 0
    assert "openrouter" in table.output
    found = json.loads(CliRunner().invoke(main, ["login", "--upstream", "list", "--json"]).output)
    assert {"name", "title", "base_url", "needs_key", "keys_at", "source"} == set(found[0])


def test_logout_and_login_have_help() -> None:
    """An example of each use."""
    told = CliRunner().invoke(main, ["login", "--help"]).output
    assert "iflow-relay login --upstream deepseek" in told
    assert "settings.json" in CliRunner().invoke(main, ["logout", "--help"]).output
