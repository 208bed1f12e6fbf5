"""What tokens cost, by the user's own list: `prices.toml` in the configuration folder."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from ..files import read_file, short_path
from .values import LedgerError

MILLION = 1_000_000
"""Tokens that a price is for."""

DEAREST = 1e12
"""No price is higher, so that no sum is infinite."""

FIELDS = ("model", "prompt", "completion", "cached")
EXAMPLE = 'write for example [[price]] model = "glm-*" prompt = 0.6 completion = 2.2'


class Price(NamedTuple):
    """What a million tokens cost where the model's name matches; the pattern may hold `*`, `?`."""

    model: str
    prompt: float
    completion: float
    cached: float


class Prices(NamedTuple):
    """A list of prices, of which the first that matches counts."""

    currency: str = ""
    listed: tuple[Price, ...] = ()

    def cost(self, model: str, prompt: int, completion: int, cached: int) -> float | None:
        """What the tokens cost, those from the cache being part of the prompt; None: no price."""
        price = next((p for p in self.listed if _matches(model, p)), None)
        if price is None:
            return None
        fresh = max(0, prompt - cached)
        spent = fresh * price.prompt + cached * price.cached + completion * price.completion
        return spent / MILLION


def prices_path() -> Path:
    """Where the user's list is, if there is one."""
    return platformdirs.user_config_path("iflow-relay") / "prices.toml"


def load_prices(path: Path | None = None) -> Prices:
    """Read the list; no file is no prices. Raises LedgerError in words where it is wrong."""
    path = path or prices_path()
    try:
        data = read_file(path)
    except ValueError as error:
        raise LedgerError(str(error)) from error
    except OSError as error:
        raise LedgerError(f"{short_path(path)} cannot be read: {error.strerror}") from error
    try:
        return Prices() if data is None else parse_prices(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LedgerError(f"{short_path(path)}: it is not UTF-8") from error
    except RecursionError as error:
        raise LedgerError(f"{short_path(path)}: it is nested too deep: {EXAMPLE}") from error
    except ValueError as error:
        raise LedgerError(f"{short_path(path)}: {error}") from error


def parse_prices(text: str) -> Prices:
    """Read a list; raises ValueError that names the line or the field."""
    document = tomllib.loads(text)
    if odd := document.keys() - {"currency", "price"}:
        raise ValueError(f"{min(odd)!r} is not known here: {EXAMPLE}")
    currency, listed = document.get("currency", ""), document.get("price", [])
    if not isinstance(currency, str) or not currency.isprintable():
        raise ValueError('currency is no text: write for example currency = "USD"')
    if not isinstance(listed, list):
        raise ValueError(f"price is no list: {EXAMPLE}")
    return Prices(currency, tuple(_parse_price(n, entry) for n, entry in enumerate(listed, 1)))


def _parse_price(number: int, entry: object) -> Price:
    where = f"[[price]] number {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no table: {EXAMPLE}")
    if odd := entry.keys() - set(FIELDS):
        raise ValueError(f"{where}: {min(odd)!r} is none of {', '.join(FIELDS)}")
    model = entry.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError(f'{where}: model is missing or no text: write for example model = "glm-*"')
    where = f"{where} ({model})"
    prompt = _parse_amount(where, "prompt", entry)
    completion = _parse_amount(where, "completion", entry)
    cached = _parse_amount(where, "cached", {"cached": prompt} | entry)
    return Price(model, prompt, completion, cached)


def _parse_amount(where: str, field: str, entry: dict[str, Any]) -> float:
    amount: Any = entry.get(field)
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if is_number and 0 <= amount <= DEAREST:
        return float(amount)
    wanted = "write the price of a million tokens, for example 0.6"
    raise ValueError(f"{where}: {field} is missing or no price: {wanted}")


def _matches(model: str, price: Price) -> bool:
    return fnmatch.fnmatchcase(model.lower(), price.model.lower())
