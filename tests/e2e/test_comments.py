"""Calls as a list shows them, found by kind, copied and saved: in the real programs."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy import flowfilter, http
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLIENT_KEY, Relay, free_port, make_environment, wait_until

from iflow_relay.demo import KEY

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


class Web:
    """mitmweb's own interface."""

    def __init__(self, relay: Relay, client: httpx2.Client) -> None:
        self.relay = relay
        self._client = client

    def flows(self) -> list[dict[str, Any]]:
        """What its list shows: the chats that have ended."""
        listed = self._client.get("/flows").raise_for_status().json()
        return [flow for flow in listed if flow["request"]["path"].endswith("/completions")]

    def options(self) -> dict[str, Any]:
        """Its options."""
        found: dict[str, Any] = self._client.get("/options").raise_for_status().json()
        return found

    def command(self, name: str, *arguments: str) -> dict[str, Any]:
        """What its command bar does."""
        answer = self._client.post(f"/commands/{name}", json={"arguments": arguments})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@pytest.fixture
def web(start_relay: StartRelay) -> Iterator[Web]:
    """mitmweb with the relay in it."""
    port = free_port()
    options = ("web_open_browser=false", f"web_port={port}", "web_password=pw")
    relay = start_relay(*LIKE_IFLOW, *options, program="mitmweb")
    # mitmweb compares the cookie and the field; what is in them it leaves to the browser.
    token = "0" * 32
    headers = {
        "Authorization": "Bearer pw",
        "X-XSRFToken": token,
        "Cookie": f"_mitmproxy_xsrf={token}; _xsrf={token}",
    }
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
    ) as client:
        yield Web(relay, client)


def test_the_list_of_mitmweb_tells_each_call_in_a_line(web: Web) -> None:
    """A stream, a whole answer, and a failure, which is marked."""
    with web.relay.client() as client:
        chat(client, stream=True, stream_options={"include_usage": True})
        chat(client)
        chat(client, "status=429")
    wait_until(lambda: len(web.flows()) == 3, "three calls")
    streamed, whole, failed = web.flows()
    assert " · stream · " in streamed["comment"]
    assert " tok · ttft " in streamed["comment"]
    assert streamed["comment"].endswith(" · stop")
    assert whole["comment"].endswith(" tok · stop")
    assert failed["comment"].startswith("429 ")
    assert [flow["marked"] for flow in web.flows()] == ["", "", "🔴"]


def test_the_list_has_the_column_for_them(web: Web) -> None:
    """Beside the path; mitmweb has it, and does not show it by itself."""
    columns = web.options()["web_columns"]["value"]
    assert columns[columns.index("path") + 1] == "comment"


def test_columns_that_somebody_has_chosen_stay(start_relay: StartRelay) -> None:
    """Whoever names them has said all."""
    port = free_port()
    chosen = ("web_columns=path", "web_columns=status", f"web_port={port}", "web_password=pw")
    start_relay("web_open_browser=false", *chosen, program="mitmweb")
    address, headers = f"http://127.0.0.1:{port}/options", {"Authorization": "Bearer pw"}
    options = httpx2.get(address, headers=headers, trust_env=False).json()
    assert options["web_columns"]["value"] == ["path", "status"]


def test_a_call_is_copied_and_saved_without_its_key(web: Web, tmp_path: Path) -> None:
    """The copied line and the copied script, run, ask the relay the same."""
    with web.relay.client() as client:
        chat(client)
    call = '~meta "^iflow.route: chat"'
    curl = web.command("iflow.copy.curl", call)["value"]
    script = web.command("iflow.copy.python", call)["value"]
    text = web.command("iflow.copy.text", call)["value"]
    assert "You said: hello" in text
    environment = make_environment(tmp_path, {"OPENAI_API_KEY": CLIENT_KEY})
    for command in (["sh", "-c", curl], [sys.executable, "-c", script]):
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert "You said: hello" in answer.stdout
    lines, har, texts = (tmp_path / f"calls.{end}" for end in ("jsonl", "har", "md"))
    for path in (lines, har, texts):
        assert web.command("iflow.save", call, str(path)) == {"value": None}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = [json.loads(text) for text in lines.read_text("utf-8").splitlines()]
    assert saved[0]["response"]["choices"][0]["message"]["content"] == "You said: hello"
    assert json.loads(har.read_text("utf-8"))["log"]["entries"]
    assert text.strip() in texts.read_text("utf-8")
    told = curl + script + text + "".join(p.read_text("utf-8") for p in (lines, har, texts))
    assert KEY not in told
    assert CLIENT_KEY not in told
    assert "Name a file" in web.command("iflow.save", "@all", str(tmp_path / "x.txt"))["error"]


def test_commands_find_calls_by_kind(web: Web) -> None:
    """Each gives the filter that it set; mitmweb's own search takes it as it is."""
    with web.relay.client() as client:
        chat(client)
        chat(client, stream=True, tools=TOOLS)
        chat(client, "status=500", model="other")
    failed = web.command("iflow.find.failed")["value"]
    assert failed.startswith("~meta")
    for name, arguments, found in (
        ("failed", [], 1),
        ("model", ["other"], 1),
        ("slow", ["60"], 0),
        ("tools", [], 1),
    ):
        shown = web.command(f"iflow.find.{name}", *arguments)["value"]
        assert web.command("view.properties.length") == {"value": found}, shown


def test_figures_are_in_flow_files_and_filters_find_them(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """`~meta` and `~comment` are mitmproxy's own filters."""
    path = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, arguments=["-w", str(path)])
    with relay.client() as client:
        chat(client)
        chat(client, "status=500", stream=True)
    relay.stop()
    with path.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    chats = [flow for flow in flows if flow.metadata.get("iflow.route") == "chat"]
    for expression, found in (
        ('~meta "^iflow.finish: stop"', [True, False]),
        ('~meta "^iflow.error: "', [False, True]),
        ('~meta "iflow.tokens.prompt: [0-9]"', [True, False]),
        ('~comment "stop"', [True, False]),
        ("~marked", [False, True]),
    ):
        matches = [bool(flowfilter.match(expression, flow)) for flow in chats]
        assert matches == found, expression
