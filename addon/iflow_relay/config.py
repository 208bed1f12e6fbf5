"""The relay's options as values: parsed once, frozen, refused with a sentence that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .catalog import MapRule, parse_map_rule
from .credential import BaseUrl, Secret, parse_base_url, parse_key
from .dialects.chat import RULES
from .guard import LOOPBACK
from .next_proxy import AUTO, read_route
from .routing import HostPattern, parse_host_pattern

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option as mitmproxy declares it."""

    name: str
    type: Any
    default: Any
    help: str


OPTIONS = (
    Option("iflow_settings", str, "~/.iflow/settings.json", "Credential file; re-read on change."),
    Option(
        "iflow_base_url",
        str,
        "",
        "Upstream, over IFLOW_BASE_URL, over settings.json's baseUrl, over iFlow's own.",
    ),
    Option(
        "iflow_api_key",
        str,
        "",
        "Key, over IFLOW_API_KEY, over settings.json's apiKey. Others can see a command line: "
        "prefer the environment or the file.",
    ),
    Option(
        "iflow_oauth_url",
        str,
        "",
        "OAuth service, over IFLOW_OAUTH_URL, over https://iflow.cn.",
    ),
    Option(
        "iflow_oauth_client_secret",
        str,
        "",
        "Client secret of the OAuth service, over IFLOW_OAUTH_CLIENT_SECRET; without one a login "
        "by OAuth and its renewal cannot be had.",
    ),
    Option(
        "iflow_user_agent",
        str,
        "auto",
        "auto: iFlow-Cli to iFlow's hosts, the client's own elsewhere; client; or a literal.",
    ),
    Option(
        "iflow_hosts",
        Sequence[str],
        ["iflow.internal", "api.openai.com"],
        "Virtual hosts: exact names or *.example.com.",
    ),
    Option(
        "iflow_models",
        str,
        "auto",
        "auto: built-in table for iFlow, the upstream's list elsewhere; builtin; upstream; a file.",
    ),
    Option(
        "iflow_model_map", Sequence[str], [], "pattern=model rules; the first that matches wins."
    ),
    Option(
        "iflow_report_model",
        str,
        "run",
        "The model that answers name: run, the one that really ran; requested, the one asked for.",
    ),
    Option(
        "iflow_pinned",
        str,
        "refuse",
        "Where a client does not trust our certificate for a virtual host: refuse; or tunnel, "
        "which hands its further requests to the original host.",
    ),
    Option(
        "iflow_next_proxy",
        str,
        AUTO,
        "Proxy behind the relay: environment (HTTPS_PROXY and the like), none, or an address.",
    ),
    Option(
        "iflow_local_keys",
        Sequence[str],
        [],
        "Keys that clients must present; needed to listen beyond loopback.",
    ),
    Option(
        "iflow_cors_origins",
        Sequence[str],
        [LOOPBACK],
        "Browser origins that may call: loopback, https://app.example.com, or patterns with *.",
    ),
    Option(
        "iflow_max_concurrency", int, 0, "Upstream calls at once; more wait in line. 0: no limit."
    ),
    Option("iflow_timeout", int, 300, "Seconds for which the upstream may be silent."),
    Option("iflow_max_body", str, "64m", "Largest request body, with k, m or g; more gets 413."),
    Option(
        "iflow_normalise",
        Sequence[str],
        list(RULES),
        f"Rules that repair answers: {', '.join(RULES)}; or none.",
    ),
    Option("iflow_show_credentials", bool, False, "Keep real keys visible in recorded flows."),
)


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


def _at_least(least: int, number: int) -> int:
    if number < least:
        raise ValueError(f"{number} is too small: at least {least}")
    return number
