"""The catalog: which models `/models` lists, and which model a request runs on.

The built-in table is what iFlow served in February 2026, in the order its clients showed it.
"""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

CREATED = 1_769_990_400
"""One constant `created` (2026-02-02 UTC): a changing one would look like a changed model."""


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the catalog; `context_length` in tokens."""

    id: str
    name: str = ""
    description: str = ""
    context_length: int | None = None
    owned_by: str = "iflow"


BUILTIN = (
    Model("glm-4.7", "GLM-4.7", "Zhipu GLM-4.7 (recommended)", 200_000),
    Model("iFlow-ROME-30BA3B", "iFlow-ROME-30BA3B", "iFlow ROME 30B (fast)", 256_000),
    Model("deepseek-v3.2-chat", "DeepSeek-V3.2", "DeepSeek V3.2 chat model", 128_000),
    Model("qwen3-coder-plus", "Qwen3-Coder-Plus", "Tongyi Qwen3 Coder Plus", 256_000),
    Model("kimi-k2-thinking", "Kimi-K2-Thinking", "Moonshot Kimi K2 thinking model", 256_000),
    Model("minimax-m2.1", "MiniMax-M2.1", "MiniMax M2.1", 128_000),
    Model("kimi-k2-0905", "Kimi-K2-0905", "Moonshot Kimi K2 0905", 256_000),
)


def render_model(model: Model) -> dict[str, Any]:
    """One model in the shape of OpenAI's `GET /models/{id}`, plus what the catalog knows of it."""
    entry: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": CREATED,
        "owned_by": model.owned_by,
    }
    extras = (
        ("name", model.name),
        ("description", model.description),
        ("context_length", model.context_length),
    )
    return entry | {name: value for name, value in extras if value}


NO_LIST = (404, 405, 501)
"""What upstreams answer to `GET /models` that have no such list."""


def named_model(model: str | None) -> list[dict[str, Any]]:
    """The one model that settings.json names, for an upstream that has no list."""
    return [render_model(Model(model, owned_by="upstream"))] if model else []


def render_models(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A list of entries in the shape of OpenAI's `GET /models`."""
    return {"object": "list", "data": list(entries)}


class Overlay(NamedTuple):
    """What the user's `models.toml` adds, changes (`entries`) or hides (`hidden`)."""

    entries: tuple[Mapping[str, Any], ...] = ()
    hidden: frozenset[str] = frozenset()

    def apply(self, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The entries with this overlay on them: hidden ones gone, changed ones in their place."""
        merged = {str(e.get("id", "")): dict(e) for e in entries}
        for entry in self.entries:
            model = str(entry["id"])
            base = merged.get(model) or render_model(Model(model, owned_by="user"))
            merged[model] = base | dict(entry)
        return [entry for model, entry in merged.items() if model not in self.hidden]


def parse_overlay(text: str) -> Overlay:
    """Read `models.toml`: tables `[[model]]` with `id` and any fields, or `hide = true`.

    Raises ValueError with the line or the entry that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if unknown := set(document) - {"model"}:
        raise ValueError(f"unknown table {min(unknown)!r}: use [[model]]")
    tables = document.get("model", [])
    if not isinstance(tables, list):
        raise ValueError("write [[model]] with two brackets, once per model")
    entries: list[Mapping[str, Any]] = []
    hidden: set[str] = set()
    for number, table in enumerate(tables, 1):
        model = table.get("id") if isinstance(table, dict) else None
        if not isinstance(model, str) or not model:
            raise ValueError(f"[[model]] number {number} has no id")
        try:
            json.dumps(table, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"[[model]] {model!r} has a value that is no JSON: {error}") from error
        if table.get("hide"):
            hidden.add(model)
        else:
            entries.append({key: value for key, value in table.items() if key != "hide"})
    return Overlay(tuple(entries), frozenset(hidden))


class MapRule(NamedTuple):
    """One `pattern=model` of `iflow_model_map`; the pattern may hold `*` and `?`."""

    pattern: str
    model: str


def parse_map_rule(text: str) -> MapRule:
    """Read `gpt-4*=glm-4.7`; raises ValueError for anything else."""
    pattern, equals, model = (part.strip() for part in text.partition("="))
    if not (pattern and equals and model):
        raise ValueError(f"{text!r} is not of the form pattern=model, for example gpt-4*=glm-4.7")
    return MapRule(pattern, model)


def name_more(
    entries: Iterable[Mapping[str, Any]], rules: Iterable[MapRule]
) -> list[dict[str, Any]]:
    """The entries, and one for each name that a rule maps literally: apps look for theirs."""
    listed = {str(entry.get("id")): dict(entry) for entry in entries}
    for rule in rules:
        if not set(rule.pattern) & set("*?["):
            named = render_model(Model(rule.pattern, owned_by="iflow-relay"))
            listed.setdefault(rule.pattern, named | {"description": f"runs {rule.model}"})
    return list(listed.values())


@dataclass(frozen=True, slots=True)
class ModelMap:
    """How a model that was asked for becomes the model that runs."""

    rules: tuple[MapRule, ...] = ()
    default: str | None = None
    known: frozenset[str] = frozenset()

    def run(self, asked: str, *, foreign_host: bool) -> str:
        """The model to run: the first rule that matches, else, where the app believes it talks to
        somebody else's host and names a model unknown here, the default; else the name itself."""
        for rule in self.rules:
            if fnmatch.fnmatchcase(asked, rule.pattern):
                return rule.model
        if foreign_host and self.default and asked not in self.known:
            return self.default
        return asked
