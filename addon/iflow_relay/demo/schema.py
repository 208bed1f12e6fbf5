"""A value that fits a JSON schema: made-up arguments of tools, and structured answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A schema may name itself; below this depth only what is required is filled in.
MAX_DEPTH = 5

FORMATS = {
    "date": "2026-02-02",
    "date-time": "2026-02-02T00:00:00Z",
    "time": "00:00:00Z",
    "email": "demo@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
}


def fit(schema: object, hint: str) -> Any:
    """A value that `schema` accepts; a free string is the hint."""
    return _fit(schema, hint, schema if isinstance(schema, Mapping) else {}, 0)


def _fit(schema: object, hint: str, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > 4 * MAX_DEPTH:
        return hint if schema is True else None
    schema = _resolve(schema, root, depth)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = _kind(schema, depth)
    if kind == "object":
        return _fit_object(schema, hint, root, depth)
    if kind == "array":
        return _fit_array(schema, hint, root, depth)
    if kind in ("number", "integer"):
        return _fit_number(schema, kind)
    return {"boolean": True, "null": None}.get(kind, _fit_string(schema, hint))


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    """The schema with a reference, one alternative and all of allOf put in its place."""
    # The way out of a schema that holds itself is often the last alternative: a null.
    chosen = slice(-1, None) if depth > MAX_DEPTH else slice(1)
    for _ in range(MAX_DEPTH):
        if isinstance(schema.get("$ref"), str):
            found = _look_up(schema["$ref"], root)
            schema = {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
        for name in ("anyOf", "oneOf", "allOf"):
            branches = [b for b in _list(schema.get(name)) if isinstance(b, Mapping)]
            schema = {k: v for k, v in schema.items() if k != name}
            for branch in branches if name == "allOf" else branches[chosen]:
                schema = _merge(schema, branch)
    return schema


def _merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    return merged


def _look_up(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `#/$defs/name` points at; nothing for a reference that leads elsewhere."""
    place: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        place = place.get(name, {}) if isinstance(place, Mapping) else {}
    return place if isinstance(place, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(schema: Mapping[str, Any], depth: int) -> str:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        if depth > MAX_DEPTH and "null" in kinds:
            return "null"
        return next((str(kind) for kind in kinds if kind != "null"), "null")
    if kinds is None and "properties" in schema:
        return "object"
    return str(kinds)


def _fit_object(schema: Mapping[str, Any], hint: str, root: Mapping[str, Any], depth: int) -> Any:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    if depth > MAX_DEPTH:
        required = _list(schema.get("required"))
        properties = {name: properties[name] for name in required if name in properties}
    return {name: _fit(inner, hint, root, depth + 1) for name, inner in properties.items()}


def _fit_array(schema: Mapping[str, Any], hint: str, root: Mapping[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH and not schema.get("minItems"):
        return []
    least = schema.get("minItems", 1)
    count = least if isinstance(least, int) and 0 < least <= 100 else 1
    if schema.get("maxItems") == 0:
        return []
    return [_fit(schema.get("items", True), hint, root, depth + 1) for _ in range(count)]


def _fit_number(schema: Mapping[str, Any], kind: str) -> float:
    value: float = 1
    for name, step in (("minimum", 0), ("exclusiveMinimum", 1)):
        if isinstance(schema.get(name), int | float):
            value = max(value, schema[name] + step)
    for name, step in (("maximum", 0), ("exclusiveMaximum", 1)):
        if isinstance(schema.get(name), int | float):
            value = min(value, schema[name] - step)
    return int(value) if kind == "integer" else value


def _fit_string(schema: Mapping[str, Any], hint: str) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if isinstance(least, int) and 0 < least <= 100_000:
        hint = hint.ljust(least, "x")
    return hint[:most] if isinstance(most, int) and most >= 0 else hint
