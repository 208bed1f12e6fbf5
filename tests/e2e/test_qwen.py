"""Qwen Code as the agent, its own calls answered through the same relay: the whole circle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader
from tests.e2e.agents import answer_of, user
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLIENT_KEY, MODEL, ROOT, Relay

from iflow_relay.demo import KEY

PLACE = ROOT / ".venv" / "node" / "node_modules" / ".bin" / "qwen"
"""Where .ci/run installs it."""

QUESTION = "which way does the river flow"


def find_program() -> str:
    """Qwen Code's program; skips the test where it is not."""
    if shutil.which("node") is None:
        pytest.skip("not installed: node")
    program = str(PLACE) if PLACE.exists() else shutil.which("qwen")
    if program is None:
        pytest.skip("not installed: npm install --prefix .venv/node @qwen-code/qwen-code@0.15.10")
    return program


def set_up(relay: Relay, program: str) -> None:
    """Have Qwen Code as an agent of the relay, and the relay as its upstream."""
    path = relay.home / ".config" / "iflow-relay" / "agents.toml"
    path.parent.mkdir(parents=True)
    env = {"OPENAI_API_KEY": CLIENT_KEY, "OPENAI_BASE_URL": relay.base_url, "OPENAI_MODEL": MODEL}
    path.write_text(
        "[agent.qwen]\n"
        f"command = {json.dumps(program)}\n"
        'args = ["--acp", "--auth-type", "openai"]\n'
        f"env = {{ {', '.join(f'{name} = {json.dumps(text)}' for name, text in env.items())} }}\n"
    )


def test_the_whole_circle(start_relay: StartRelay, tmp_path: Path) -> None:
    """SDK, relay, agent, relay, upstream and back: in one piece, streamed, and going on."""
    program = find_program()
    relay = start_relay(*LIKE_IFLOW, arguments=["-w", str(tmp_path / "flows")])
    set_up(relay, program)
    messages: Any = [user(QUESTION)]
    with openai.OpenAI(
        base_url=relay.base_url, api_key=CLIENT_KEY, max_retries=0, timeout=120
    ) as sdk:
        chat = sdk.chat.completions
        whole = chat.create(model="iflow/qwen", messages=messages)
        chunks = list(chat.create(model="iflow/qwen", messages=messages, stream=True))
        said = whole.choices[0].message.content or ""
        messages += [{"role": "assistant", "content": said}, user("and back")]
        further = chat.create(model="iflow/qwen", messages=messages)
    relay.stop()
    assert said
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage
    assert whole.usage.completion_tokens > 0
    assert answer_of(chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert further.choices[0].message.content
    own = [body for body in read_asked(tmp_path / "flows") if body["model"] == MODEL]
    assert len(own) >= 3
    assert QUESTION in json.dumps(own[0]["messages"])
    # The same session: what was said before is known to the agent itself.
    assert QUESTION in json.dumps(own[-1]["messages"])
    assert "and back" in json.dumps(own[-1]["messages"])
    assert not [text for text in read_files(relay.home / ".qwen") if KEY in text]


def read_asked(path: Path) -> list[dict[str, Any]]:
    """The bodies of the chats in a flow file, in the order in which they were asked."""
    with path.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    chats = [flow for flow in flows if flow.metadata.get("iflow.route") == "chat"]
    chats.sort(key=lambda flow: flow.timestamp_created)
    return [json.loads(flow.request.content or b"{}") for flow in chats]


def read_files(folder: Path) -> Iterator[str]:
    """The text of each file below a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_text("utf-8", "replace")
