"""Values that fit a JSON schema."""

from __future__ import annotations

from typing import Any

import pytest

from iflow_relay.demo.schema import fit

TREE: dict[str, Any] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "children", "next"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "hint"),
        ({"type": "string", "maxLength": 2}, "hi"),
        ({"type": "string", "minLength": 6}, "hintxx"),
        ({"type": "string", "format": "date"}, "2026-02-02"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 4}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "number", "exclusiveMinimum": 1.5}, 2.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["string", "null"]}, "hint"),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "array"}, ["hint"]),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "string"}}}, {"a": "hint"}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 3),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "boolean"}}}, True),
        ({"$ref": "#/nowhere"}, "hint"),
        ({}, "hint"),
        (True, "hint"),
        ("odd", None),
        ({"type": "object", "properties": "odd"}, {}),
    ],
)
def test_a_schema_is_fitted(schema: object, value: object) -> None:
    """Each keyword that tools and structured answers commonly have."""
    assert fit(schema, "hint") == value


NULLABLE: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array"},
        "next": {"$ref": "#"},
    },
    "required": ["name", "children", "next"],
}


@pytest.mark.parametrize("schema", [TREE, NULLABLE])
def test_a_schema_that_holds_itself_comes_to_an_end(schema: dict[str, Any]) -> None:
    """Lists become empty and alternatives null; what is required is there at every depth."""
    value = fit(schema, "x")
    depth = 0
    while value is not None:
        assert value.keys() == {"name", "children", "next"}
        value = value["next"]
        depth += 1
    assert depth < 10
