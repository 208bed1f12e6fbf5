"""An app with the official SDK under `run`: whatever happens, api.openai.com hears nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.asking import chat
from tests.e2e.certificates import make_site
from tests.e2e.conftest import LIKE_IFLOW, Starter
from tests.e2e.machine import Machine, Served, app, sets
from tests.e2e.programs import CLI, CLIENT_KEY, free_port, wait_until
from tests.e2e.servers import Demo, replies, stub

from iflow_relay.catalog import BUILTIN
from iflow_relay.demo import KEY

NAME = "api.openai.com"
LISTED = [model.id for model in BUILTIN]
SCENES = ("chat", "stream", "models")
WORKS = {"chat": "You said: hello", "stream": "You said: hello", "models": LISTED}
DOWN = ["InternalServerError", 502, "upstream_unreachable"]
LOGGED_OUT = ["AuthenticationError", 401, "not_logged_in"]


def test_the_sinkhole_hears_those_who_go_past_the_relay(starter: Starter, tmp_path: Path) -> None:
    """The other tests here can fail: it is reached without the relay, and through one to which its
    name is not virtual."""
    site = make_site(tmp_path, NAME)
    answer = b"HTTP/1.1 418 Who\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with stub(replies(answer), tls=site.context) as server:
        machine = Machine(starter.make_home(), "http://127.0.0.1:9/v1", {NAME: server.port})
        trusting = {"SSL_CERT_FILE": str(site.authority)}
        direct = machine.do(*app("sdk", "models")[1:], **trusting)
        assert direct.told["models"] == ["APIStatusError", 418, None]
        assert server.connections == 1
        blind = ("--set", "iflow_hosts=iflow.internal")
        tunnelled = machine.run(*blind, *app("get", "httpx", f"https://{NAME}/"), **trusting)
        assert tunnelled.told == ["{}"]
        assert server.connections == 2


def test_an_app_works_under_run(machine: Machine, demo: Demo) -> None:
    """It chats, streams and lists models with a relay of its own, and its key goes nowhere."""
    ran = machine.run(*sets(LIKE_IFLOW), *app("sdk", "http2", *SCENES))
    assert ran.told == WORKS | {"versions": ["HTTP/2"]}
    assert ran.err == ""
    assert {body["model"] for body in demo.bodies()} == {BUILTIN[0].id}
    assert demo.headers()["authorization"] == f"Bearer {KEY}"
    assert CLIENT_KEY not in str(demo.requests())
    assert machine.relays() == []


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_an_app_that_hangs_up_ends_its_call(served: Served, demo: Demo, version: str) -> None:
    """The upstream's too, and its next ones are served; here by the relay that runs."""
    hangups = demo.stats()["hangups"]
    words = ("http2",) if version == "HTTP/2" else ()
    told = served.machine.run(*app("sdk", *words, "hang_up", *SCENES)).told
    assert told == WORKS | {"hang_up": "chat.completion.chunk", "versions": [version]}
    wait_until(lambda: demo.stats()["hangups"] == hangups + 1, "the end of the upstream's call")


def test_an_app_is_told_when_the_upstream_is_down(served: Served) -> None:
    """With a status that it understands."""
    served.machine.write_settings(baseUrl=f"http://127.0.0.1:{free_port()}/v1")
    told = served.machine.run(*app("sdk", *SCENES)).told
    assert told["chat"] == told["stream"] == DOWN
    # The catalog is the relay's own.
    assert told["models"] == LISTED


def test_an_app_is_told_when_there_are_no_credentials(machine: Machine) -> None:
    """Each call, with a status that it understands."""
    machine.settings.unlink()
    told = machine.run(*app("sdk", *SCENES)).told
    assert {scene: told[scene] for scene in SCENES} == dict.fromkeys(SCENES, LOGGED_OUT)


def test_settings_that_break_stop_nobody(served: Served) -> None:
    """The last good ones go on serving; without the file there is nothing to serve with."""
    served.relay.check_it_serves()
    served.machine.settings.write_text('{"apiKey":')
    assert served.machine.run(*app("sdk", "stream")).told["stream"] == WORKS["stream"]
    served.machine.settings.unlink()
    with served.relay.intercepted() as client:
        assert chat(client).error["code"] == "not_logged_in"


def test_an_app_whose_relay_is_killed_fails_and_goes_nowhere_else(
    machine: Machine, starter: Starter
) -> None:
    """In the middle of a stream; its later calls find no relay, and nobody else either."""
    scenes = ("wait_in_stream", "chat", "models")
    run = starter.keep(machine.begin(*CLI, "run", *sets(LIKE_IFLOW), *app("sdk", *scenes)))
    run.wait_for("reading")
    os.kill(machine.relays()[0]["pid"], signal.SIGKILL)
    assert run.wait(20) == 0
    assert '"chat": ["APIConnectionError"], "models": ["APIConnectionError"]' in run.log()
    assert "The relay has ended (exit code -9): calls to its hosts fail from now on" in run.log()


def test_a_call_that_is_played_again_goes_to_the_upstream(
    machine: Machine, starter: Starter, demo: Demo
) -> None:
    """Not to the host that its record names; nor where there is no key to sign it with."""
    record = machine.folder / "calls.flow"
    relay = starter.keep(machine.intercept(*sets(LIKE_IFLOW), "--", "-w", str(record)))
    with relay.intercepted() as client:
        assert chat(client).status == chat(client, stream=True).status == 200
    relay.interrupt()
    assert relay.wait() == 0
    demo.clear()
    ports = ("--listen", str(free_port()), "--proxy", str(free_port()))
    again = ("intercept", *ports, *sets(LIKE_IFLOW), "--", "-n", "-C", str(record))
    assert machine.cli(*again).code == 0
    assert [entry["path"] for entry in demo.requests()] == ["/v1/chat/completions"] * 2
    machine.settings.unlink()
    assert machine.cli(*again).code == 0
    assert len(demo.requests()) == 2
