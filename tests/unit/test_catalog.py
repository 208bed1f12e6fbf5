"""The catalog: what is listed, what the user's file changes, and which model runs."""

from __future__ import annotations

import json

import pytest

from iflow_relay.catalog import (
    BUILTIN,
    CREATED,
    MapRule,
    Model,
    ModelMap,
    Overlay,
    name_more,
    parse_map_rule,
    parse_overlay,
    render_model,
    render_models,
)


def test_the_builtin_table_is_what_iflow_served() -> None:
    """Its order is the clients' order, and its first entry the default."""
    assert [(model.id, model.name) for model in BUILTIN] == [
        ("glm-4.7", "GLM-4.7"),
        ("iFlow-ROME-30BA3B", "iFlow-ROME-30BA3B"),
        ("deepseek-v3.2-chat", "DeepSeek-V3.2"),
        ("qwen3-coder-plus", "Qwen3-Coder-Plus"),
        ("kimi-k2-thinking", "Kimi-K2-Thinking"),
        ("minimax-m2.1", "MiniMax-M2.1"),
        ("kimi-k2-0905", "Kimi-K2-0905"),
    ]


def test_a_model_renders_in_openais_shape() -> None:
    """What the catalog knows beyond that stands beside it."""
    assert render_model(Model("a", "A", "the first", 1000)) == {
        "id": "a",
        "object": "model",
        "created": CREATED,
        "owned_by": "iflow",
        "name": "A",
        "description": "the first",
        "context_length": 1000,
    }


def test_what_is_not_known_of_a_model_is_left_out() -> None:
    """An empty name is worse than none."""
    assert set(render_model(Model("a"))) == {"id", "object", "created", "owned_by"}


def test_a_list_renders_in_openais_shape() -> None:
    """The entries are the ones given, in their order."""
    assert render_models([{"id": "b"}, {"id": "a"}]) == {
        "object": "list",
        "data": [{"id": "b"}, {"id": "a"}],
    }
    assert render_models([]) == {"object": "list", "data": []}


def test_an_overlay_adds_changes_and_hides() -> None:
    """A changed entry keeps its place and what it had, a new one comes last."""
    overlay = parse_overlay(
        """
        [[model]]
        id = "b"
        name = "B, renamed"

        [[model]]
        id = "new"
        context_length = 10

        [[model]]
        id = "a"
        hide = true
        """
    )
    entries = [{"id": name, "name": name.upper()} for name in "abc"]
    assert overlay.apply(entries) == [
        {"id": "b", "name": "B, renamed"},
        {"id": "c", "name": "C"},
        {
            "id": "new",
            "object": "model",
            "created": CREATED,
            "owned_by": "user",
            "context_length": 10,
        },
    ]


def test_an_overlay_leaves_what_it_was_given() -> None:
    """The upstream's list is the same after the user's file was laid over it."""
    entries = [{"id": "a"}]
    Overlay(({"id": "a", "name": "A"},), frozenset()).apply(entries)
    assert entries == [{"id": "a"}]


@pytest.mark.parametrize("text", ["", "# nothing", "model = []"])
def test_an_empty_overlay_changes_nothing(text: str) -> None:
    """A file that was only begun is fine."""
    assert parse_overlay(text) == Overlay()
    assert Overlay().apply([{"id": "a"}]) == [{"id": "a"}]


def test_an_entry_that_is_not_hidden_any_more_comes_back() -> None:
    """`hide = false` is no field of a model."""
    assert parse_overlay('[[model]]\nid = "a"\nhide = false') == Overlay(({"id": "a"},))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[model]", "line 1"),
        ("x = ", "end of document"),
        ("[[models]]\nid = 'a'", "unknown table 'models'"),
        ("[model]\nid = 'a'", "two brackets"),
        ("model = 1", "two brackets"),
        ("model = ['a']", "number 1"),
        ("model = [1, {id = 'a'}]", "number 1"),
        ("[[model]]\nname = 'a'", "number 1 has no id"),
        ("[[model]]\nid = 'a'\n[[model]]\nid = ''", "number 2 has no id"),
        ("[[model]]\nid = 5", "number 1 has no id"),
        ("model = " + "[" * 20_000, r"\w"),
    ],
    ids=lambda text: text[:40],
)
def test_an_overlay_that_is_none_is_refused(text: str, why: str) -> None:
    """The message says which line or entry it is."""
    with pytest.raises(ValueError, match=why):
        parse_overlay(text)


@pytest.mark.parametrize("value", ["2026-01-01", "2026-01-01T00:00:00Z", "07:30:00", "nan", "inf"])
def test_an_overlay_holds_nothing_that_json_cannot(value: str) -> None:
    """TOML has dates and endless numbers; a list of models that has them could not be sent."""
    text = f'[[model]]\nid = "a"\nreleased = {value}'
    try:
        entries = parse_overlay(text).apply([])
    except ValueError:
        return
    assert json.dumps(entries, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("gpt-4*=glm-4.7", MapRule("gpt-4*", "glm-4.7")),
        (" * = a ", MapRule("*", "a")),
        ("a=b=c", MapRule("a", "b=c")),
        ("openai/gpt-?=x/y:z", MapRule("openai/gpt-?", "x/y:z")),
    ],
)
def test_a_map_rule_is_read(text: str, rule: MapRule) -> None:
    """The first equals sign is the one that counts."""
    assert parse_map_rule(text) == rule


@pytest.mark.parametrize("text", ["", "=", "a", "a=", "=b", " = b"])
def test_a_map_rule_that_is_none_is_refused(text: str) -> None:
    """The message shows what one looks like."""
    with pytest.raises(ValueError, match=r"for example gpt-4\*=glm-4\.7"):
        parse_map_rule(text)


RULES = (MapRule("gpt-4*", "big"), MapRule("gpt-4o", "never"), MapRule("*-mini", "small"))


@pytest.mark.parametrize(
    ("asked", "foreign", "run"),
    [
        ("gpt-4o", False, "big"),
        ("gpt-4o-mini", False, "big"),
        ("o3-mini", True, "small"),
        ("GPT-4o", False, "GPT-4o"),
        ("glm-4.7", False, "glm-4.7"),
        ("glm-4.7", True, "glm-4.7"),
        ("unknown", False, "unknown"),
        ("unknown", True, "default"),
        ("", False, ""),
        ("", True, "default"),
    ],
)
def test_the_model_that_runs(asked: str, foreign: bool, run: str) -> None:
    """Rules come first; only apps that mean another host get the default for a name unknown."""
    model_map = ModelMap(RULES, "default", frozenset({"glm-4.7"}))
    assert model_map.run(asked, foreign_host=foreign) == run


def test_without_a_default_every_name_passes() -> None:
    """The upstream knows better than the relay what it has."""
    assert ModelMap().run("unknown", foreign_host=True) == "unknown"


def test_names_that_a_rule_spells_out_are_listed() -> None:
    """An app that looks for its own name finds it; patterns name nothing."""
    rules = [parse_map_rule(text) for text in ("gpt-4o=glm-4.7", "gpt-3*=x", "o?=x", "m=other")]
    entries: list[dict[str, object]] = [{"id": "m", "context_length": 5}, {"id": "glm-4.7"}]
    named = name_more(entries, rules)
    assert [entry["id"] for entry in named] == ["m", "glm-4.7", "gpt-4o"]
    assert named[0] == {"id": "m", "context_length": 5}
    assert named[2]["object"] == "model"
    assert named[2]["description"] == "runs glm-4.7"
