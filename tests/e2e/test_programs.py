"""The addon in mitmproxy's other programs."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios

import httpx2
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Starter, StartRelay
from tests.e2e.programs import (
    ADDON,
    CLIENT_KEY,
    HELLO,
    free_port,
    make_environment,
    mitmproxy_program,
    wait_until,
)
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY


def test_mitmweb_shows_what_was_said_and_no_key(start_relay: StartRelay) -> None:
    """The text is there to read, streamed bodies too; the keys are not, in flight or after."""
    port = free_port()
    relay = start_relay(
        *LIKE_IFLOW,
        "web_open_browser=false",
        f"web_port={port}",
        "web_password=let-me-in",
        program="mitmweb",
    )
    ours = {"Authorization": "Bearer let-me-in"}
    with (
        relay.client() as client,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=ours, trust_env=False) as web,
    ):
        assert chat(client).status == 200
        assert chat(client, stream=True).status == 200
        sent = {"Authorization": f"Bearer {CLIENT_KEY}", "x-demo": "silence=1, words=5"}
        body = HELLO | {"stream": True}
        with client.stream("POST", "/chat/completions", json=body, headers=sent) as answer:
            next(answer.iter_raw())
            flows = web.get("/flows").raise_for_status().text
        assert "silence=1" in flows
        assert "Bearer sk-" in flows
        assert KEY not in flows
        assert CLIENT_KEY not in flows
        shown = [
            flow["response"]["contentLength"]
            and web.get(f"/flows/{flow['id']}/response/content.data").text
            for flow in web.get("/flows").json()
            if flow["request"]["path"].endswith("/completions")
            and flow["response"]["timestamp_end"]
        ]
    assert "You said: hello" in str(shown[0])
    assert '"content":"hello"' in str(shown[1])


def test_mitmproxy_in_a_terminal_serves(starter: Starter, demo: Demo) -> None:
    """The console program draws its screen, and the relay answers beside it."""
    port = free_port()
    home = starter.make_home()
    command = [
        *mitmproxy_program("mitmproxy"),
        *("-s", str(ADDON / "iflow.py")),
        *("--mode", f"reverse:http://127.0.0.1:9@127.0.0.1:{port}"),
        *(part for option in LIKE_IFLOW for part in ("--set", option)),
        *("--set", f"iflow_base_url={demo.base_url}", "--set", f"iflow_api_key={KEY}"),
        *("--set", f"confdir={home.parent / 'conf'}"),
    ]
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        command,
        env=make_environment(home, {"TERM": "xterm"}),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.set_blocking(screen, False)
    drawn = bytearray()

    def draw() -> bool:
        try:
            drawn.extend(os.read(screen, 65536))
        except (BlockingIOError, OSError):
            return False
        return False

    def answers() -> bool:
        draw()
        assert process.poll() is None, drawn.decode("utf-8", "replace")
        try:
            url = f"http://127.0.0.1:{port}/health"
            return httpx2.get(url, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        wait_until(answers, "an answer")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", trust_env=False) as client:
            assert chat(client).text == "You said: hello"
            assert chat(client, stream=True).text == "You said: hello"
        # Both calls are on the screen, each with its streamed or whole answer.
        wait_until(lambda: draw() or drawn.count(b"completions") >= 2, "the screen")
    finally:
        process.terminate()
        wait_until(lambda: draw() or process.poll() is not None, "its end")
        os.close(screen)
    assert KEY.encode() not in drawn


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_it_ends_with_an_open_stream(start_relay: StartRelay, program: str) -> None:
    """Ctrl-C while a client is being answered."""
    relay = start_relay(
        *LIKE_IFLOW, "web_open_browser=false", f"web_port={free_port()}", program=program
    )
    with (
        relay.client() as client,
        client.stream(
            "POST",
            "/chat/completions",
            json=HELLO | {"stream": True},
            headers={"x-demo": "silence=1, words=5"},
        ) as answer,
    ):
        next(answer.iter_raw())
        relay.interrupt()
        assert relay.wait(5) == 0
