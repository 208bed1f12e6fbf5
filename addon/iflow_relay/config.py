"""The relay's options as values: parsed once, frozen, refused with a sentence that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import platformdirs

from .catalog import MapRule, parse_map_rule
from .credential import BaseUrl, Secret, parse_base_url, parse_key
from .dialects.chat import RULES
from .guard import LOOPBACK
from .next_proxy import read_route
from .routing import HostPattern, parse_host_pattern

T = TypeVar("T")


class Kept(NamedTuple):
    """How much of what was seen is kept for whoever looks: calls, and bytes of their bodies."""

    flows: int
    size: int


@dataclass(frozen=True, slots=True)
class Config:
    """Every option, parsed; sizes in bytes, times in seconds."""

    settings: Path
    base_url: BaseUrl | None
    api_key: Secret | None
    oauth_url: BaseUrl | None
    oauth_client_secret: Secret | None
    user_agent: str
    hosts: tuple[HostPattern, ...]
    models: str
    model_map: tuple[MapRule, ...]
    report_model: str
    pinned: str
    next_proxy: str
    local_keys: tuple[Secret, ...]
    cors_origins: tuple[str, ...]
    max_concurrency: int
    timeout: float
    max_body: int
    normalise: frozenset[str]
    show_credentials: bool
    keep_flows: Kept | None
    ledger: Path | None
    ledger_days: int
    record: Path | None
    replay: Path | None
    replay_speed: float


class ConfigError(ValueError):
    """An option is wrong; the message names it, its value and what is accepted."""


def parse_config(options: Mapping[str, Any]) -> Config:
    """Read the options by their names; raises ConfigError."""

    def read(name: str, parse: Callable[[Any], T]) -> T:
        try:
            return parse(options[f"iflow_{name}"])
        except ValueError as error:
            raise ConfigError(f"iflow_{name}: {error}") from error

    return Config(
        settings=read("settings", _parse_path),
        base_url=read("base_url", _parse_address),
        api_key=read("api_key", _parse_secret),
        oauth_url=read("oauth_url", _parse_address),
        oauth_client_secret=read("oauth_client_secret", _parse_secret),
        user_agent=read("user_agent", _parse_user_agent),
        hosts=read("hosts", lambda texts: tuple(parse_host_pattern(text) for text in texts)),
        models=read("models", _parse_models),
        model_map=read("model_map", lambda texts: tuple(parse_map_rule(text) for text in texts)),
        report_model=read("report_model", lambda text: _one_of(("run", "requested"), text)),
        pinned=read("pinned", lambda text: _one_of(("refuse", "tunnel"), text)),
        next_proxy=read("next_proxy", _parse_next_proxy),
        local_keys=read("local_keys", lambda texts: tuple(map(parse_key, texts))),
        cors_origins=read("cors_origins", lambda texts: tuple(map(_parse_origin, texts))),
        max_concurrency=read("max_concurrency", lambda n: _at_least(0, n)),
        timeout=read("timeout", lambda n: _at_least(1, n)),
        max_body=read("max_body", parse_size),
        normalise=read("normalise", _parse_rules),
        show_credentials=bool(options["iflow_show_credentials"]),
        keep_flows=read("keep_flows", _parse_kept),
        ledger=read("ledger", _parse_ledger),
        ledger_days=read("ledger_days", lambda n: _at_least(1, n)),
        record=read("record", _parse_written),
        replay=read("replay", _parse_recording),
        replay_speed=read("replay_speed", _parse_speed),
    )


def parse_size(text: str) -> int:
    """Bytes of `64m`, `500k`, `1g` or a plain number."""
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    digits = text.strip().lower().removesuffix("b")
    unit = units.get(digits[-1:], 1)
    number = digits[:-1] if unit > 1 else digits
    if not number.isdecimal() or not int(number):
        raise ValueError(f"{text!r} is no size: write a number with k, m or g, for example 64m")
    return int(number) * unit


def _parse_path(text: str) -> Path:
    if not text.strip():
        raise ValueError("the value is empty: give a file, for example ~/.iflow/settings.json")
    return _expand(text.strip())


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text!r}: there is no such user") from error


def _parse_address(text: str) -> BaseUrl | None:
    return parse_base_url(text) if text.strip() else None


def _parse_secret(text: str) -> Secret | None:
    return parse_key(text) if text.strip() else None


def _parse_user_agent(text: str) -> str:
    if not text.strip() or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!r} is no User-Agent: write auto, client, or plain ASCII text")
    return text.strip()


def _parse_models(text: str) -> str:
    if text in ("auto", "builtin", "upstream"):
        return text
    path = _expand(text)
    if not text.strip() or not path.is_file():
        raise ValueError(f"{text!r} is none of auto, builtin, upstream, and no file of that name")
    return str(path)


def _parse_origin(text: str) -> str:
    origin = text.strip().rstrip("/")
    if origin not in (LOOPBACK, "*", "null") and "://" not in origin:
        raise ValueError(f"{text!r} is no origin: write loopback or https://app.example.com")
    return origin


def _parse_rules(names: Sequence[str]) -> frozenset[str]:
    rules = frozenset(names) - {"none"}
    if unknown := rules - frozenset(RULES):
        raise ValueError(f"{min(unknown)!r} is no rule: choose of {', '.join(RULES)}, or none")
    return rules


def _one_of(words: Sequence[str], text: str) -> str:
    if text not in words:
        raise ValueError(f"{text!r} is none of {', '.join(words)}")
    return text


def _parse_next_proxy(text: str) -> str:
    read_route(text, {})
    return text


def _parse_kept(text: str) -> Kept | None:
    """`2000,512m`; None for `off`."""
    if text.strip().lower() == "off":
        return None
    flows, _, size = text.partition(",")
    if not flows.strip().isdecimal() or not int(flows) or not size.strip():
        raise ValueError(f"{text!r} is not how much to keep: write 2000,512m, or off")
    return Kept(int(flows), parse_size(size))


def _parse_ledger(text: str) -> Path | None:
    """Where the ledger is; None where there is none."""
    word = text.strip()
    if word.lower() == "off":
        return None
    if word.lower() != "on":
        return _parse_written(text, "on, off, or a file")
    return platformdirs.user_data_path("iflow-relay") / "ledger.sqlite3"


def _parse_written(text: str, accepted: str = "a file") -> Path | None:
    """A file that will be written; None where none is named."""
    if not text.strip():
        return None
    path = _expand(text.strip())
    if path.is_dir():
        raise ValueError(f"{text!r} is a folder: give {accepted}")
    return path


def _parse_recording(text: str) -> Path | None:
    """A file that has to be there; None where none is named."""
    path = _parse_written(text)
    if path and not path.is_file():
        raise ValueError(f"there is no file {text!r}: make one with iflow-relay record")
    return path


def _parse_speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1
    if not 0 <= speed < float("inf"):
        raise ValueError(f"{text!r} is no speed: write 1, 2, 0.5, or 0 for no pauses")
    return speed


def _at_least(least: int, number: int) -> int:
    if number < least:
        raise ValueError(f"{number} is too small: at least {least}")
    return number
