"""`iflow-relay record`, and any start with `iflow_record`: calls in a flow file without keys."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.machine import Machine, app, python, sets
from tests.e2e.programs import CLIENT_KEY, HELLO, mitmproxy_program, wait_until

from iflow_relay.demo import KEY

ASK = """
import os, sys, openai
client = openai.OpenAI(max_retries=0)
said = [{"role": "user", "content": "hello"}]
print(client.chat.completions.create(model="gpt-4o", messages=said).model)
sys.exit(int(sys.argv[1]))
"""


def read_flows(path: Path) -> list[http.HTTPFlow]:
    """All flows of a file, as mitmproxy's own programs read it."""
    with path.open("rb") as file:
        return [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def paths(path: Path) -> list[str]:
    """What was asked for, call by call."""
    return [flow.request.path for flow in read_flows(path)]


def test_a_session_is_recorded(machine: Machine) -> None:
    """The exit code is the program's, the last line on stderr says what there is."""
    path = machine.folder / "session.mitm"
    ran = machine.cli("record", str(path), "--demo", *python(ASK, "7"))
    assert (ran.code, ran.err) == (7, f"iflow-relay: recorded 1 call in {path}\n")
    (flow,) = read_flows(path)
    assert flow.response
    assert flow.response.status_code == 200
    assert flow.comment
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_key_is_in_the_file(machine: Machine) -> None:
    """Neither the upstream's nor the client's own, whole or in part; only the masked one."""
    path = machine.folder / "session.mitm"
    words = ("--set", "iflow_show_credentials=true")
    for more in ((), words):
        ran = machine.cli("record", str(path), "--demo", *more, *app("session", "sync"))
        assert ran.code == 0, ran
        data = path.read_bytes()
        assert len(read_flows(path)) > 20
        for key in (KEY, CLIENT_KEY):
            assert key.encode() not in data
            assert key[8:-4].encode() not in data
    assert b"Bearer sk-" not in data


def test_mitmproxys_programs_read_the_file(machine: Machine) -> None:
    """They show the same calls."""
    path = machine.folder / "session.mitm"
    assert machine.cli("record", str(path), "--demo", *python(ASK, "0")).code == 0
    shown = subprocess.run(
        [*mitmproxy_program("mitmdump"), "-nr", str(path), "--flow-detail", "1"],
        env=machine.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    assert "/v1/chat/completions" in shown.stdout
    assert shown.stderr == ""


def test_a_recording_is_begun_anew_once_the_relay_runs(machine: Machine) -> None:
    """A start that fails leaves the one before; a program that is not there as well."""
    path = machine.folder / "session.mitm"
    assert machine.cli("record", str(path), "--demo", *python(ASK, "0")).code == 0
    before = path.read_bytes()
    wrong = machine.cli("record", str(path), "--set", "iflow_timeout=soon", *python("0"))
    assert wrong.code == 125
    assert machine.cli("record", str(path), "--", "no-such-command").code == 127
    assert path.read_bytes() == before
    assert [*machine.folder.glob(".session*")] == []
    again = machine.cli("record", str(path), "--demo", *python("print('nothing')"))
    assert again == (0, "nothing\n", f"iflow-relay: recorded 0 calls in {path}\n")
    assert path.read_bytes() == b""


def test_a_file_that_cannot_be_written_is_said_at_the_start(machine: Machine) -> None:
    """Before the program runs."""
    path = machine.folder / "none" / "session.mitm"
    ran = machine.cli("record", str(path), "--demo", *python("print('never')"))
    assert (ran.code, ran.out) == (125, "")
    assert "iflow_record" in ran.err
    assert f"{path} cannot be written: No such file or directory\n" in ran.err
    assert "Traceback" not in ran.err


def test_record_needs_a_command(machine: Machine) -> None:
    """With an example of one."""
    ran = machine.cli("record", "session.mitm")
    assert ran.code == 2
    assert "iflow-relay record session.mitm -- python app.py" in ran.err


@pytest.mark.parametrize("program", ["mitmdump", "serve"])
def test_every_start_records(
    start_relay: StartRelay, machine: Machine, tmp_path: Path, program: str
) -> None:
    """What an upstream answers, and errors; not what the relay says of itself."""
    path = tmp_path / "flows"
    options = (*LIKE_IFLOW, f"iflow_record={path}")
    serves = program == "serve"
    relay = machine.intercept(*sets(options)) if serves else start_relay(*options)
    try:
        with relay.client() as client:
            for get in ("/health", "/models", "/models/none", "/../x"):
                client.get(get, headers={"authorization": f"Bearer {CLIENT_KEY}"})
            chat(client)
            told = [chat(client, fault, stream=True) for fault in ("pause=0.02", "cut=2")]
            client.post("/embeddings?key=secret&a=b", json={"input": "x", "model": "m"})
            client.get("/")
            client.post("/chat/completions", content=b"no JSON")
    finally:
        relay.stop()
    flows = read_flows(path)
    assert [flow.metadata["iflow.path"] for flow in flows] == [
        "/v1/models",
        "/v1/models/none",
        *["/v1/chat/completions"] * 3,
        "/v1/embeddings?a=b",
        "/v1/chat/completions",
    ]
    assert [flow.response and flow.response.raw_content for flow in flows[3:5]] == [
        answer.body for answer in told
    ]
    assert flows[-1].metadata["iflow.error"] == "invalid_json"
    assert b"secret" not in path.read_bytes()


def test_a_relay_that_is_killed_leaves_whole_calls(start_relay: StartRelay, tmp_path: Path) -> None:
    """Each is in the file as soon as its client has it."""
    path = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, f"iflow_record={path}")
    with relay.client() as client:
        for number in range(3):
            chat(client, stream=True)
            wait_until(lambda count=number + 1: len(read_flows(path)) == count, "the call")  # type: ignore[misc]
        relay.process.kill()
        relay.process.wait()
    assert len(read_flows(path)) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_costs_no_call(start_relay: StartRelay) -> None:
    """It is said once, and nothing more is recorded."""
    relay = start_relay(*LIKE_IFLOW, "iflow_record=/dev/full")
    with relay.client() as client:
        assert [chat(client, stream=True).status for _ in range(3)] == [200, 200, 200]
    wait_until(lambda: "nothing is recorded" in relay.log(), "the warning")
    assert relay.log().count("nothing is recorded") == 1


def test_a_client_with_an_odd_name_is_recorded(start_relay: StartRelay, tmp_path: Path) -> None:
    """What it sends as its name need not be text."""
    path = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, f"iflow_record={path}")
    with relay.client() as client:
        client.post("/chat/completions", json=HELLO, headers={b"user-agent": b"caf\xff/1"})
    wait_until(lambda: len(read_flows(path)) == 1, "the record")
    assert "Traceback" not in relay.log()


def test_a_recording_can_be_begun_while_the_relay_runs(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """By mitmproxy's options, from the next call on; and be ended."""
    script = tmp_path / "switch.py"
    path = tmp_path / "flows"
    script.write_text(
        "from mitmproxy import ctx\n"
        "def request(flow):\n"
        "    if 'x-record' in flow.request.headers:\n"
        "        ctx.options.iflow_record = flow.request.headers['x-record']\n"
    )
    relay = start_relay(*LIKE_IFLOW, arguments=["-s", str(script)])
    with relay.client() as client, relay.client() as other:
        paced = {"x-demo": "pause=0.1, words=20"}
        asked = other.build_request(
            "POST", "/chat/completions", json=HELLO | {"stream": True}, headers=paced
        )
        under_way = other.send(asked, stream=True).iter_raw()
        next(under_way)
        chat(client, headers={"x-record": str(path)})
        assert b"[DONE]" in b"".join(under_way)
        chat(client, stream=True)
        # What switches it off is not recorded any more.
        chat(client, headers={"x-record": ""})
        chat(client)
    assert len(read_flows(path)) == 2


def test_what_is_recorded_is_what_was_said(start_relay: StartRelay, tmp_path: Path) -> None:
    """The body that left, and the model that was asked for beside the one that ran."""
    path = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, f"iflow_record={path}", "iflow_model_map=gpt-*=kimi-k2-0905")
    with relay.client() as client:
        client.post("/chat/completions", json=HELLO | {"model": "gpt-4o"})
    (flow,) = read_flows(path)
    assert json.loads(flow.request.raw_content or b"")["model"] == "kimi-k2-0905"
    assert flow.metadata["iflow.model.asked"] == "gpt-4o"
