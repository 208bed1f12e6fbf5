"""What a flow becomes for somebody else."""

from __future__ import annotations

import json

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow
from tests.unit.transcript.markdown_reader import Turn, read_conversations

from iflow_relay.mitm.copying import (
    read_asking,
    render_har,
    render_lines,
    render_texts,
    without_keys,
)

SECRET = "sk-" + "s" * 20


@pytest.mark.parametrize(
    ("mode", "base_url"),
    [
        ("reverse:https://apis.iflow.cn", "http://127.0.0.2:8001/v1"),
        ("regular", "http://127.0.0.2:8001/v1"),
        ("local:curl", "http://127.0.0.1:8000/v1"),
    ],
)
def test_a_call_is_asked_again_where_the_client_asked(mode: str, base_url: str) -> None:
    """Never at the upstream; captured connections have no listener of their own."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.client_conn.sockname = ("127.0.0.2", 8001)
    flow.metadata["iflow.path"] = f"/v1/models?key={SECRET}"
    asking = read_asking(flow, None)
    assert (asking.base_url, asking.path) == (base_url, "/models")


def test_files_hold_no_key_even_where_flows_do() -> None:
    """`iflow_show_credentials` is for the eyes of whoever set it; the flow itself stays."""
    flow = tflow.tflow(resp=True)
    for name in ("authorization", "x-api-key", "cookie"):
        flow.request.headers[name] = SECRET
    assert flow.response
    flow.response.headers["set-cookie"] = SECRET
    flow.metadata["iflow.path"] = f"/v1/models?key={SECRET}"
    flow.request.path = f"/v1/models?key={SECRET}"
    clean = [without_keys(flow)]
    assert SECRET not in render_har(clean) + render_lines(clean)
    assert flow.request.headers["authorization"] == SECRET


def test_a_line_holds_json_as_json_and_else_text() -> None:
    """A body that was not kept is null."""
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.request.text = '{"a": [1]}'
    flow.response.raw_content = None
    line = json.loads(render_lines([flow]))
    assert (line["request"], line["response"], line["status"]) == ({"a": [1]}, None, 200)


def test_conversations_go_into_one_file_as_markdown() -> None:
    """Each numbered, told as far as it was kept; what is none is shown as it came."""
    asked = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    flows = [tflow.tflow(resp=True), tflow.tflow(resp=False), tflow.tflow(resp=True)]
    for flow in flows[:2]:
        flow.request.path, flow.request.content = "/v1/chat/completions", asked
    assert flows[0].response
    flows[0].response.content = b'{"choices":[{"message":{"content":"ho"}}]}'
    said, cut_short, other = read_conversations(render_texts(flows))
    assert said == [Turn("user", ("hi",)), Turn("answer", ("ho",))]
    assert cut_short == [Turn("user", ("hi",))]
    assert [turn.role for turn in other] == ["request"]
