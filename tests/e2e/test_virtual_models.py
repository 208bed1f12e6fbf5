"""Models for apps with OpenAI's names built in: what they find, what runs, what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.e2e.asking import Told, chat
from tests.e2e.conftest import LIKE_IFLOW, Starter
from tests.e2e.programs import MODEL, Relay
from tests.e2e.servers import Demo

from iflow_relay.catalog import BUILTIN

LISTED = [model.id for model in BUILTIN]
DEFAULT = LISTED[0]
RULES = ("gpt-4o=kimi-k2-0905", "o3-*=minimax-m2.1", "gpt-5?=glm-4.7", f"own={MODEL}")
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
WAYS: dict[str, dict[str, Any]] = {
    "whole": {},
    "streamed": {"stream": True},
    "streamed with usage": {"stream": True, "stream_options": {"include_usage": True}},
    "tools": {"fault": "calls=2", "tools": [TOOL]},
    "streamed tools": {"fault": "calls=2", "tools": [TOOL], "stream": True},
}
INTERNAL = "http://iflow.internal/v1"


@pytest.fixture(scope="module")
def common_mapping(lasting: Starter) -> Relay:
    """A relay with a map, whose answers name the model that was asked for."""
    rules = (f"iflow_model_map={rule}" for rule in RULES)
    return lasting.start(*LIKE_IFLOW, "iflow_report_model=requested", *rules)


@pytest.fixture
def mapping(common_mapping: Relay, demo: Demo) -> Iterator[Relay]:
    """The same, in front of a demo upstream that has seen nothing."""
    demo.clear()
    yield common_mapping
    common_mapping.check_log()


def models_in(told: Told) -> set[str]:
    """The models that an answer names, in each of its parts."""
    assert told.status == 200, told
    parts = told.chunks or [httpx2.Response(200, content=told.body).json()]
    return {part["model"] for part in parts}


def ids(client: httpx2.Client) -> list[str]:
    """The models that are listed."""
    return [entry["id"] for entry in client.get("/models").json()["data"]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("asked", "run"),
    [("gpt-4o", "kimi-k2-0905"), ("o3-mini", "minimax-m2.1"), ("o9", DEFAULT), (MODEL, MODEL)],
)
def test_an_app_gets_its_own_name_back(
    mapping: Relay, demo: Demo, way: str, asked: str, run: str
) -> None:
    """With `iflow_report_model=requested`, in every part of every answer."""
    with mapping.intercepted() as client:
        told = chat(client, model=asked, **WAYS[way])
    assert models_in(told) == {asked}
    assert demo.bodies()[0]["model"] == run
    assert len(told.chunks) > 3 or "stream" not in WAYS[way]


@pytest.mark.parametrize("way", WAYS)
def test_an_app_is_told_what_ran(relay: Relay, demo: Demo, way: str) -> None:
    """Without that option."""
    with relay.intercepted() as client:
        assert models_in(chat(client, model="gpt-4o", **WAYS[way])) == {DEFAULT}
    assert demo.bodies()[0]["model"] == DEFAULT


def test_the_list_has_the_names_that_apps_look_for(mapping: Relay) -> None:
    """Those of literal rules, after the catalog; patterns name nothing."""
    with mapping.intercepted() as client:
        assert ids(client) == [*LISTED, "gpt-4o", "own"]
        for name in (*LISTED, "gpt-4o", "own"):
            assert client.get(f"/models/{name}").json()["id"] == name
        for name in ("o3-mini", "o3-*", "gpt-5?", "gpt-99"):
            answer = client.get(f"/models/{name}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        entry = client.get("/models/gpt-4o").json()
    assert set(entry) >= {"id", "object", "created", "owned_by"}


@pytest.mark.parametrize("listener", ["reverse", "internal"])
def test_those_who_chose_the_relay_see_the_catalog(mapping: Relay, listener: str) -> None:
    """And no names that are not the upstream's."""
    reverse = listener == "reverse"
    with mapping.client() if reverse else mapping.intercepted(INTERNAL) as client:
        assert ids(client) == LISTED
        assert client.get("/models/gpt-4o").status_code == 404


@pytest.mark.parametrize("listener", ["reverse", "internal"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_map_applies_to_them_as_well(
    mapping: Relay, demo: Demo, listener: str, stream: bool
) -> None:
    """A name that no rule takes passes unchanged, whether the upstream knows it or not."""
    reverse = listener == "reverse"
    with mapping.client() if reverse else mapping.intercepted(INTERNAL) as client:
        assert models_in(chat(client, model="gpt-4o", stream=stream)) == {"gpt-4o"}
        assert models_in(chat(client, model=MODEL, stream=stream)) == {MODEL}
        assert chat(client, model="gpt-99", stream=stream).status == 404
    assert [body["model"] for body in demo.bodies()] == ["kimi-k2-0905", MODEL, "gpt-99"]
