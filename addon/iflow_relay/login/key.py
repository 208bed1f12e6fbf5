"""A login by API key: what a person typed as values, and those in settings.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..credential import DEFAULT_BASE_URL, BaseUrl, Secret, parse_base_url, parse_key
from ..errors import LoginRefused
from ..jsonedit import GONE
from ..settings import VARIABLE
from ..settings_file import Written, change_settings
from ..upstreams import KnownUpstream, find_upstream, repair_base_url
from .members import succeed


class KeyLogin(NamedTuple):
    """A key for an upstream; `repairs` says in words what was mended of the base URL."""

    key: Secret | None
    base_url: BaseUrl
    model: str | None
    repairs: tuple[str, ...] = ()


class Target(NamedTuple):
    """Where a key belongs; `known` where the upstream was named."""

    base_url: BaseUrl
    repairs: tuple[str, ...]
    known: KnownUpstream | None

    @property
    def needs_key(self) -> bool:
        """Whether there is no use in it without a key."""
        return not self.base_url.is_loopback and (self.known is None or self.known.needs_key)


def read_target(upstream: str | None, base_url: str | None) -> Target:
    """The upstream of a name, a URL, or iFlow's where there is neither; of both the URL counts.

    Raises LoginRefused in words.
    """
    try:
        known = find_upstream(upstream) if upstream and upstream.strip() else None
        base, repairs = _read_base(known, base_url)
    except ValueError as error:
        raise LoginRefused(_sentence(str(error))) from error
    _refuse_variables(str(base))
    return Target(base, repairs, known)


def read_model(text: str | None) -> str | None:
    """The name of a model, None where there is none; raises LoginRefused in words."""
    name = (text or "").strip()
    if not name.isprintable() or len(name) > 200:
        raise LoginRefused("The model's name is none: write it as the upstream lists it.")
    _refuse_variables(name)
    return name or None


def read_key_login(
    *, key: str, upstream: str | None, base_url: str | None, model: str | None
) -> KeyLogin:
    """What a person gave, checked; raises LoginRefused in words that never quote the key."""
    target = read_target(upstream, base_url)
    named = read_model(model)
    return KeyLogin(_read_key(key, target), target.base_url, named, target.repairs)


def write_key_login(path: Path, login: KeyLogin, *, replace_damaged: bool = False) -> Written:
    """Write it; raises SettingsDamaged and SettingsNotWritten."""

    def change(document: Mapping[str, Any]) -> Mapping[str, object]:
        return succeed(document, _members(login))

    return change_settings(path, change, replace_damaged=replace_damaged)


def _members(login: KeyLogin) -> dict[str, object]:
    """In the order of a new file."""
    return {
        "selectedAuthType": "iflow" if login.base_url.is_iflow else "openai-compatible",
        "apiKey": login.key.reveal() if login.key else GONE,
        "baseUrl": str(login.base_url),
        **({"modelName": login.model} if login.model else {}),
    }


def _read_base(known: KnownUpstream | None, text: str | None) -> tuple[BaseUrl, tuple[str, ...]]:
    if text and text.strip():
        try:
            return repair_base_url(text)
        except ValueError as error:
            raise ValueError(f"the base URL cannot be used: {error}") from error
    return parse_base_url(known.base_url if known else DEFAULT_BASE_URL), ()


def _read_key(text: str, target: Target) -> Secret | None:
    """The key, or none where none is wanted; raises LoginRefused with the code `key_refused`."""
    if not text.strip() and not target.needs_key:
        return None
    try:
        key = parse_key(text)
    except ValueError as error:
        known = target.known
        made = f" One is made at {known.keys_at}." if known and known.keys_at else ""
        message = _sentence(str(error)) + ("" if text.strip() else made)
        raise LoginRefused(message, code="key_refused") from error
    _refuse_variables(key.reveal(), code="key_refused")
    return key


def _refuse_variables(text: str, code: str | None = None) -> None:
    """Raises LoginRefused where the file cannot hold a text: in it `$NAME` stands for another."""
    if VARIABLE.search(text):
        raise LoginRefused(
            "A $ before letters stands for an environment variable in settings.json: give what has "
            "one by IFLOW_API_KEY, IFLOW_BASE_URL or IFLOW_MODEL_NAME.",
            code=code,
        )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
