"""The relay beside other people's addons, with a hook that fails, and with flows played again."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Starter, StartRelay
from tests.e2e.programs import (
    ADDON,
    Program,
    make_environment,
    mitmproxy_program,
    wait_until,
)
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY

WAITS = """
import asyncio

async def request(flow):
    await asyncio.sleep(0.02)
    flow.request.headers["x-waited"] = "yes"

async def response(flow):
    await asyncio.sleep(0.02)
    flow.response.headers["x-waited"] = "yes"

def responseheaders(flow):
    raise RuntimeError("somebody else's fault")
"""

BREAKS_OURS = """
from iflow_relay.mitm import route

def broken(*_):
    raise RuntimeError("a fault of our own")

route.aim = broken
"""

HOLDS = """
import asyncio

async def let_go(flow):
    await asyncio.sleep(0.1)
    flow.resume()

def request(flow):
    flow.intercept()
    holding.append(asyncio.create_task(let_go(flow)))

holding = []
"""


def write(folder: Path, text: str) -> list[str]:
    """The arguments that load a script."""
    script = folder / "other.py"
    script.write_text(text)
    return ["-s", str(script)]


def test_hooks_of_others_are_waited_for(
    start_relay: StartRelay, demo: Demo, tmp_path: Path
) -> None:
    """What an `async` hook changes reaches both sides; one that fails does no harm."""
    relay = start_relay(*LIKE_IFLOW, arguments=write(tmp_path, WAITS))
    relay.never_says = ("crashed", "fault of the relay's own")
    with relay.client() as client:
        for stream in (False, True):
            assert chat(client, stream=stream).text == "You said: hello"
            assert demo.headers()["x-waited"] == "yes"
        answer = client.get("/models")
    assert answer.headers["x-waited"] == "yes"
    assert "somebody else's fault" in relay.log()


def test_a_flow_that_is_intercepted_goes_on_when_it_is_let_go(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """mitmproxy's `intercept` holds a request of ours like any other."""
    relay = start_relay(*LIKE_IFLOW, arguments=write(tmp_path, HOLDS))
    with relay.client() as client:
        assert chat(client).text == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"


def test_a_hook_of_ours_that_fails_sends_nothing(
    start_relay: StartRelay, demo: Demo, tmp_path: Path
) -> None:
    """It fails closed: a 500 in the API's words, and no upstream and no original host is called."""
    relay = start_relay(*LIKE_IFLOW, arguments=write(tmp_path, BREAKS_OURS))
    relay.never_says = ("crashed",)
    demo.clear()
    with relay.client() as client:
        told = chat(client)
    assert (told.status, told.error["code"]) == (500, "internal_error")
    assert demo.requests() == []


def test_a_flow_that_is_played_again_is_signed_anew(
    start_relay: StartRelay, starter: Starter, demo: Demo, tmp_path: Path
) -> None:
    """The record holds no key; the replay goes out with the key of now, and is recorded without."""
    first, second = tmp_path / "first.flow", tmp_path / "second.flow"
    relay = start_relay(*LIKE_IFLOW, arguments=["-w", str(first)])
    with relay.client() as client:
        assert chat(client).status == chat(client, stream=True).status == 200
    relay.interrupt()
    assert relay.wait() == 0
    demo.clear()
    sets = (*LIKE_IFLOW, f"iflow_base_url={demo.base_url}", f"iflow_api_key={KEY}")
    home = starter.make_home()
    command = [
        *mitmproxy_program("mitmdump"),
        *("-n", "-s", str(ADDON / "iflow.py"), "-C", str(first), "-w", str(second)),
        *(part for option in sets for part in ("--set", option)),
    ]
    player = starter.keep(Program(command, make_environment(home), tmp_path / "player.log"))
    assert player.wait(30) == 0
    wait_until(lambda: len(demo.requests()) == 2, "both calls again")
    assert demo.headers()["authorization"] == f"Bearer {KEY}"
    assert b"Bearer sk-" in second.read_bytes()
    assert KEY.encode() not in first.read_bytes() + second.read_bytes()
