"""What is written of a call to a flow file."""

from __future__ import annotations

from io import BytesIO

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from iflow_relay.mitm.recording import dump


def read(data: bytes) -> http.HTTPFlow:
    """The one flow of a file."""
    (flow,) = FlowReader(BytesIO(data)).stream()
    assert isinstance(flow, http.HTTPFlow)
    return flow


def test_a_flow_is_written_as_mitmproxy_writes_it() -> None:
    """Byte for byte."""
    flow = tflow.tflow(resp=True)
    flow.metadata["iflow.tokens.prompt"] = 5
    written = BytesIO()
    FlowWriter(written).add(flow)
    assert dump(flow) == written.getvalue()


def test_what_no_flow_file_can_hold_is_left_out() -> None:
    """Half letters come from clients and upstreams, and anything from other addons."""
    flow = tflow.tflow(resp=True)
    flow.metadata |= {
        "iflow.client": "caf\udcff/1",
        "iflow.tokens.prompt": 5,
        "theirs": object(),
        "list": ("\ud800", 1.5, b"\xff"),
    }
    flow.comment = "\ud800"
    flow.error = Error("broken \ud800", 12.5)
    again = read(dump(flow))
    assert again.metadata == {
        "iflow.client": "caf?/1",
        "iflow.tokens.prompt": 5,
        "theirs": None,
        "list": ["?", 1.5, b"\xff"],
    }
    assert again.comment == "?"
    assert again.error
    assert again.error.msg == "broken ?"
    assert again.response
    assert flow.response
    assert again.response.raw_content == flow.response.raw_content
    assert flow.comment == "\ud800"
