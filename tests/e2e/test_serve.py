"""`iflow-relay` from the command line, as a process of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import Starter
from tests.e2e.programs import (
    CLI,
    CLIENT_KEY,
    HELLO,
    Relay,
    free_port,
    make_environment,
    wait_until,
)
from tests.e2e.servers import Demo

from iflow_relay.catalog import BUILTIN
from iflow_relay.demo import KEY

CALLED = re.compile(
    r"^\d\d:\d\d:\d\d  (?P<client>\S+)  (?P<model>.+?)  (?P<status>\d{3})  (?P<rest>.*) s$", re.M
)


def serve(starter: Starter, *arguments: str, extra: tuple[str, ...] = ()) -> Relay:
    """`iflow-relay serve --demo`, on a free port."""
    home = starter.make_home()
    port = free_port()
    command = [*CLI, "serve", "--demo", "--listen", str(port), *arguments]
    command += ["--set", f"confdir={home.parent / 'conf'}"]
    command += ["--", *extra] if extra else []
    relay = starter.keep(Relay(command, make_environment(home), home.parent, port=port))
    assert relay.wait_until_it_answers()
    return relay


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One command that ends by itself."""
    return subprocess.run(
        [*CLI, *arguments],
        env=make_environment(home, variables),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_says_what_to_paste_where(starter: Starter) -> None:
    """A base URL, a curl line that works as it stands, and where mitmweb is; then nothing."""
    relay = serve(starter)
    greeting = relay.log()
    assert relay.base_url in greeting
    assert "mitmweb" in greeting
    [command] = re.findall(r"curl .*?'\{.*?\}'", greeting, re.S)
    answer = subprocess.run(
        ["sh", "-c", command.replace("curl", "curl -s --noproxy '*'", 1)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if answer.returncode != 127:
        assert json.loads(answer.stdout)["choices"], answer


def test_it_prints_one_line_for_each_call(starter: Starter) -> None:
    """Client, model, status, tokens and times; a model that was mapped, and an error, by name."""
    relay = serve(starter, "--set", "iflow_model_map=gpt-*=glm-4.7")
    quiet = len(relay.log())
    agent = {"User-Agent": "my-app/1.2 (x)"}
    with relay.client() as client:
        chat(client, headers=agent)
        usage = {"include_usage": True}
        chat(client, stream=True, headers=agent, model="gpt-4o", stream_options=usage)
        chat(client, "status=429", headers=agent)
        chat(client, "cut=2", stream=True, headers=agent)
        client.get("/models", headers=agent)
        client.get("/health", headers=agent)
        chat(client, headers=agent | {"User-Agent": "\x1b[31mred"[1:]}, model="\x1b]0;title\x07")
    wait_until(lambda: len(CALLED.findall(relay.log()[quiet:])) == 6, relay.log())
    lines = relay.log()[quiet:].splitlines()
    assert len(lines) == 6
    assert "my-app/1.2  qwen3-coder-plus  200  6→4 tok" in lines[0]
    assert "gpt-4o → glm-4.7  200  6→4 tok  ttft" in lines[1]
    assert "429  rate_limited" in lines[2]
    assert "200  upstream_broken" in lines[3]
    assert "/models  200" in lines[4]
    assert "\x1b" not in relay.log()
    assert "\x07" not in relay.log()


def test_a_call_that_was_hung_up_on_is_told(starter: Starter) -> None:
    """A client that goes away ends its call, and the line says so."""
    relay = serve(starter)
    body, sent = HELLO | {"stream": True}, {"x-demo": "silence=2, words=9"}
    with (
        relay.client() as client,
        client.stream("POST", "/chat/completions", json=body, headers=sent) as answer,
    ):
        next(answer.iter_raw())
    relay.wait_for("client_disconnected")


def test_quiet_means_quiet(starter: Starter) -> None:
    """With -q nothing is printed, not even of errors that clients are told."""
    relay = serve(starter, "-q")
    with relay.client() as client:
        assert chat(client).status == 200
        assert chat(client, "cut", stream=True).status == 200
        assert chat(client, "close").status == 502
        client.post("/chat/completions", content=b"no")
    relay.interrupt()
    assert relay.wait() == 0
    assert relay.log() == ""


def test_verbose_shows_connections(starter: Starter) -> None:
    """With -v the log has what mitmproxy says of connections."""
    relay = serve(starter, "-v")
    relay.check_it_serves()
    relay.wait_for("client connect")


@pytest.mark.parametrize("streams", [0, 3])
def test_it_ends_at_once_with_streams_open(starter: Starter, streams: int) -> None:
    """Ctrl-C: exit status 0, and nothing about it on the screen."""
    relay = serve(starter)
    connections = []
    body = json.dumps(HELLO | {"stream": True}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nx-demo: silence=2, words=9\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    try:
        for _ in range(streams):
            connection = socket.create_connection(("127.0.0.1", relay.port), timeout=10)
            connections.append(connection)
            connection.sendall(head.encode() + body)
            assert b"200 OK" in connection.recv(65536)
        begun = time.monotonic()
        relay.interrupt()
        assert relay.wait() == 0
        assert time.monotonic() - begun < 3
    finally:
        for connection in connections:
            connection.close()
    relay.check_log(secrets=["KeyboardInterrupt", "Aborted", "ERROR", "WARNING"])


def test_a_port_that_is_taken_is_told_in_one_line(home: Path) -> None:
    """It says what to do, and the exit status is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(home, "serve", "--demo", "--listen", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--listen" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "nowhere"], "nowhere"),
        (["--listen", "127.0.0.1:99999"], "99999"),
        (["--set", "iflow_timeout=0"], "iflow_timeout"),
        (["--set", "iflow_timeout=soon"], "soon"),
        (["--set", "iflow_hosts=https://x"], "iflow_hosts"),
        (["--set", "no_such_option=1"], "no_such_option"),
        (["--listen", "0.0.0.0:PORT"], "iflow_local_keys"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_told_without_a_traceback(
    home: Path, arguments: list[str], said: str
) -> None:
    """One clear sentence, and an exit status that a script can see."""
    port = str(free_port())
    arguments = [argument.replace("PORT", port) for argument in arguments]
    if "--listen" not in arguments:
        arguments += ["--listen", port]
    done = run(home, "serve", "--demo", *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_base_url_that_is_the_relay_itself_is_refused(home: Path) -> None:
    """As with mitmdump."""
    port = free_port()
    sets = ["--set", f"iflow_base_url=http://127.0.0.1:{port}/v1"]
    done = run(home, "serve", "--listen", str(port), *sets, IFLOW_API_KEY=KEY)
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}/v1" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_follows_the_dashes_goes_to_mitmdump(starter: Starter) -> None:
    """The full program then runs, and writes a flow file without a key in it."""
    flows = starter.make_home().parent / "calls.flow"
    relay = serve(starter, extra=("-w", str(flows)))
    with relay.client() as client:
        assert chat(client).text == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"
    relay.interrupt()
    assert relay.wait() == 0
    record = flows.read_bytes()
    assert record.count(b"You said: hello") == 1
    assert b'"content":"hello"' in record
    assert KEY.encode() not in record
    assert CLIENT_KEY.encode() not in record


def test_web_shows_it_in_a_browser(starter: Starter) -> None:
    """`--web` runs mitmweb, with its own options behind the dashes."""
    web = free_port()
    sets = ("--set", f"web_port={web}", "--set", "web_open_browser=false")
    relay = serve(starter, "--web", extra=sets)
    relay.check_it_serves()
    with socket.create_connection(("127.0.0.1", web), timeout=5):
        pass


def write_settings(home: Path, settings: Any) -> None:
    """A settings.json."""
    (home / ".iflow").mkdir(exist_ok=True)
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (home / ".iflow" / "settings.json").write_text(text)


def test_status_says_where_each_value_came_from(home: Path) -> None:
    """Masked, as a table and as JSON, with exit status 0 where all is well."""
    write_settings(home, {"apiKey": CLIENT_KEY, "baseUrl": "https://api.example.com/v1"})
    table, listed = run(home, "status"), run(home, "status", "--json")
    assert (table.returncode, listed.returncode) == (0, 0)
    found = json.loads(listed.stdout)
    assert found["ok"] is True
    assert found["base_url"]["value"] == "https://api.example.com/v1"
    assert "settings.json" in found["api_key"]["origin"]
    assert found["api_key"]["value"] == "sk-…dcba"
    assert "api.example.com" in table.stdout
    assert CLIENT_KEY not in table.stdout + table.stderr + listed.stdout + listed.stderr
    above = run(home, "status", "--json", IFLOW_API_KEY=KEY)
    assert "IFLOW_API_KEY" in json.loads(above.stdout)["api_key"]["origin"]


@pytest.mark.parametrize("settings", [None, "{", {"apiKey": 5}, {"baseUrl": "file:///x"}], ids=str)
def test_status_says_what_is_wrong(home: Path, settings: Any) -> None:
    """By its exit status, in words, and in JSON that a script can read."""
    if settings is not None:
        write_settings(home, settings)
    table, listed = run(home, "status"), run(home, "status", "--json")
    assert (table.returncode, listed.returncode) == (1, 1)
    found = json.loads(listed.stdout)
    assert found["ok"] is False
    assert "settings.json" in found["problem"]
    assert "settings.json" in table.stdout + table.stderr
    assert "Traceback" not in table.stderr + listed.stderr


def test_models_are_listed(home: Path, demo: Demo) -> None:
    """The built-in table, and where the upstream has no list, the model of the settings."""
    done = run(home, "models", "--json", "--set", "iflow_models=builtin")
    assert done.returncode == 0
    assert [entry["id"] for entry in json.loads(done.stdout)] == [model.id for model in BUILTIN]
    assert "kimi-k2-0905" in run(home, "models", "--set", "iflow_models=builtin").stdout
    write_settings(home, {"apiKey": KEY, "baseUrl": demo.base_url, "modelName": "mine"})
    done = run(home, "models", "--json")
    assert [entry["id"] for entry in json.loads(done.stdout)] == ["mine"]


def test_models_of_an_upstream_that_is_down_are_an_error(home: Path) -> None:
    """One line on standard error, exit status 1, and no traceback."""
    write_settings(home, {"apiKey": KEY, "baseUrl": f"http://127.0.0.1:{free_port()}/v1"})
    for arguments in (["models"], ["models", "--json"]):
        done = run(home, *arguments)
        assert done.returncode == 1
        assert "cannot be reached" in done.stderr
        assert "Traceback" not in done.stderr
        assert KEY not in done.stderr
