"""When the pieces of a stream came is kept beside its body, where bodies are kept."""

from __future__ import annotations

from pathlib import Path

from mitmproxy import http
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay

from iflow_relay.pacing import parse_pacing


def read_chats(path: Path) -> list[http.HTTPFlow]:
    """The chats of a flow file."""
    with path.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    return [flow for flow in flows if flow.metadata.get("iflow.route") == "chat"]


def test_the_pauses_of_a_stream_are_in_the_flow_file(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """Each byte of the body came with one of the pieces; a pause of the upstream's is one here."""
    path = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, arguments=["-w", str(path)])
    with relay.client() as client:
        told = [chat(client, "pause=0.15", stream=True) for _ in range(2)]
        chat(client)
    with relay.intercepted("http://iflow.internal/v1") as client:
        told.append(chat(client, "cut=3", stream=True))
    relay.stop()
    flows = read_chats(path)
    streams = [flow for flow in flows if "iflow.pacing" in flow.metadata]
    assert len(flows) == 4
    assert len(streams) == 3
    for flow, answer in zip(streams, told, strict=True):
        pieces = parse_pacing(str(flow.metadata["iflow.pacing"]))
        body = flow.response.raw_content if flow.response else None
        assert body == answer.body
        assert sum(piece.length for piece in pieces) == len(answer.body)
        assert flow.metadata["iflow.bytes.sent"] == len(answer.body)
    for flow in streams[:2]:
        pauses = [piece.pause for piece in parse_pacing(str(flow.metadata["iflow.pacing"]))]
        assert len([pause for pause in pauses if pause > 0.1]) >= 3


def test_nothing_is_noted_of_a_stream_that_nobody_keeps(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """Without a viewer and a file only the count of the bytes is there."""
    script = tmp_path / "look.py"
    seen = tmp_path / "seen"
    script.write_text(
        "def response(flow):\n"
        f"    with open({str(seen)!r}, 'a') as file:\n"
        "        print(sorted(name for name in flow.metadata if 'pac' in name or 'sent' in name),\n"
        "              file=file)\n"
    )
    relay = start_relay(*LIKE_IFLOW, arguments=["-s", str(script)])
    with relay.client() as client:
        chat(client, stream=True)
    relay.stop()
    assert seen.read_text().splitlines()[-1] == "['iflow.bytes.sent']"
