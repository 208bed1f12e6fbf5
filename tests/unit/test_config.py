"""Options as values: each is parsed once, or refused by its name."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from iflow_relay.catalog import MapRule
from iflow_relay.config import Config, ConfigError, Kept, parse_config, parse_size
from iflow_relay.credential import BaseUrl, Secret
from iflow_relay.dialects.chat import RULES
from iflow_relay.guard import LOOPBACK
from iflow_relay.options import OPTIONS
from iflow_relay.routing import HostPattern

DEFAULTS = {option.name: option.default for option in OPTIONS}


def parse(**values: Any) -> Config:
    """The defaults with these options changed."""
    return parse_config(DEFAULTS | {f"iflow_{name}": value for name, value in values.items()})


def test_the_defaults_are_the_documented_ones(home: Path) -> None:
    """A relay that nobody configured reads the CLI's own file and listens to this machine."""
    assert parse() == Config(
        settings=home / ".iflow" / "settings.json",
        base_url=None,
        api_key=None,
        oauth_url=None,
        oauth_client_secret=None,
        user_agent="auto",
        hosts=(HostPattern("iflow.internal", False), HostPattern("api.openai.com", False)),
        models="auto",
        model_map=(),
        report_model="run",
        pinned="refuse",
        next_proxy="environment",
        local_keys=(),
        cors_origins=(LOOPBACK,),
        max_concurrency=0,
        timeout=300,
        max_body=64 << 20,
        normalise=frozenset(RULES),
        show_credentials=False,
        keep_flows=Kept(2000, 512 << 20),
        ledger=platformdirs.user_data_path("iflow-relay") / "ledger.sqlite3",
        ledger_days=90,
        record=None,
        replay=None,
        replay_speed=1,
    )


def test_every_option_is_declared_once_with_a_help_text() -> None:
    """The names are the addon's own, so that they collide with nobody's."""
    names = [option.name for option in OPTIONS]
    assert len(names) == len(set(names)) == len(Config.__dataclass_fields__)
    assert all(name.startswith("iflow_") for name in names)
    assert all(option.help.endswith(".") for option in OPTIONS)


def test_every_option_is_read(home: Path) -> None:
    """What the user wrote becomes what the relay works with."""
    config = parse(
        base_url=" http://localhost:11434/v1/ ",
        api_key=" sk-a ",
        user_agent="mine/1",
        hosts=["*.example.com"],
        models="builtin",
        model_map=["gpt-*=a"],
        local_keys=["one", "two"],
        cors_origins=["https://app.example.com/", "null", "*"],
        max_concurrency=1,
        timeout=1,
        max_body="10k",
        normalise=["done", "usage"],
        show_credentials=True,
        keep_flows="10, 1m",
        ledger="~/l.sqlite3",
        ledger_days=1,
        record="~/r.flows",
        replay_speed="0.5",
    )
    assert config.keep_flows == Kept(10, 1 << 20)
    assert config.ledger == home / "l.sqlite3"
    assert (config.ledger_days, config.record) == (1, home / "r.flows")
    assert (config.replay, config.replay_speed) == (None, 0.5)
    assert config.base_url == BaseUrl("http", "localhost", 11434, "/v1")
    assert config.api_key == Secret("sk-a")
    assert config.user_agent == "mine/1"
    assert config.hosts == (HostPattern("example.com", True),)
    assert config.models == "builtin"
    assert config.model_map == (MapRule("gpt-*", "a"),)
    assert config.local_keys == (Secret("one"), Secret("two"))
    assert config.cors_origins == ("https://app.example.com", "null", "*")
    assert (config.max_concurrency, config.timeout, config.max_body) == (1, 1, 10240)
    assert config.normalise == {"done", "usage"}
    assert config.show_credentials


@pytest.mark.parametrize(
    ("names", "rules"),
    [(["none"], set()), ([], set()), (["none", "done"], {"done"}), (list(RULES), set(RULES))],
)
def test_rules_are_chosen_by_name(names: list[str], rules: set[str]) -> None:
    """`none` is how one writes an empty list on a command line."""
    assert parse(normalise=names).normalise == rules


def test_models_may_be_a_file(tmp_path: Path) -> None:
    """A file that is there counts as one."""
    path = tmp_path / "models.toml"
    path.touch()
    assert parse(models=str(path)).models == str(path)


def test_a_tilde_is_the_users_home(home: Path) -> None:
    """Options are not always read by a shell."""
    assert parse(settings="~/x.json").settings == home / "x.json"
    (home / "m.toml").touch()
    assert parse(models="~/m.toml").models == str(home / "m.toml")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("settings", " ", "give a file"),
        ("settings", "~nobody-of-that-name/x", r"\w"),
        ("base_url", "apis.iflow.cn", "http:// or https://"),
        ("base_url", "https://[::1", r"\w"),
        ("api_key", "sk a", "blanks"),
        ("api_key", "sk-\u00e4", "no header can carry"),
        ("api_key", "sk-\x00", "blanks or line ends"),
        ("user_agent", "", "auto, client, or plain ASCII"),
        ("user_agent", "a\nb", "auto, client, or plain ASCII"),
        ("user_agent", "\u00e4", "auto, client, or plain ASCII"),
        ("hosts", ["https://h"], "not a host name"),
        ("hosts", ["h", ""], "no host name"),
        ("models", "", "auto, builtin, upstream"),
        ("models", "no-such-file", "auto, builtin, upstream"),
        ("models", "~nobody-of-that-name/x", r"\w"),
        ("model_map", ["gpt-4"], "pattern=model"),
        ("local_keys", [""], "empty"),
        ("local_keys", ["a b"], "blanks"),
        ("cors_origins", ["app.example.com"], "no origin"),
        ("cors_origins", [""], "no origin"),
        ("max_concurrency", -1, "at least 0"),
        ("timeout", 0, "at least 1"),
        ("max_body", "0", "64m"),
        ("max_body", "", "64m"),
        ("normalise", ["dnoe"], "'dnoe' is no rule"),
        ("keep_flows", "many", "2000,512m, or off"),
        ("keep_flows", "0,512m", "2000,512m, or off"),
        ("keep_flows", "2000", "2000,512m, or off"),
        ("ledger", "/", "is a folder"),
        ("ledger_days", 0, "at least 1"),
        ("record", ".", "is a folder"),
        ("replay", "no-such-file", "iflow-relay record"),
        ("replay_speed", "fast", "no speed"),
        ("replay_speed", "-1", "no speed"),
        ("replay_speed", "inf", "no speed"),
    ],
)
def test_an_option_that_is_wrong_is_refused_by_its_name(name: str, value: Any, why: str) -> None:
    """The message names the option and says what is accepted."""
    with pytest.raises(ConfigError, match=rf"^iflow_{name}: .*{why}"):
        parse(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("api_key", "sk-geheim \u00e4"), ("local_keys", ["ok", "sk-geheim \u00e4"])],
)
def test_a_key_that_is_wrong_is_not_repeated(name: str, value: Any) -> None:
    """A message that holds a key could be logged or posted."""
    with pytest.raises(ConfigError) as caught:
        parse(**{name: value})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("500k", 512_000),
        ("500K", 512_000),
        ("64m", 64 << 20),
        ("64MB", 64 << 20),
        (" 64m ", 64 << 20),
        ("1g", 1 << 30),
        ("100b", 100),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    """As people write sizes."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "0m", "m", "b", "-1", "+1", "1.5m", "1e3", "1_000", "64t", "6 4m", "\u00b2"]
)
def test_a_size_that_is_none_is_refused(text: str) -> None:
    """The message shows one."""
    with pytest.raises(ValueError, match="for example 64m"):
        parse_size(text)


def test_a_config_is_frozen() -> None:
    """Calls under way end as they began."""
    with pytest.raises(FrozenInstanceError):
        parse().timeout = 1  # type: ignore[misc]


def test_a_config_does_not_print_its_keys() -> None:
    """A value that lands in a log takes no key with it."""
    text = repr(parse(api_key="sk-0123456789abcdef", local_keys=["local-0123456789"]))
    assert "0123456789" not in text
    assert "\u2026cdef" in text
