"""Options: what is wrong is refused before anything is served; what is right does what it says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tests.e2e.asking import DONE, chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import (
    ADDON,
    HELLO,
    Relay,
    free_port,
    make_environment,
    mitmproxy_program,
    wait_until,
)
from tests.e2e.servers import Demo, Stub, replies, stub
from tests.e2e.wire import post

from iflow_relay.demo import KEY

WRONG = {
    "iflow_settings=": "for example ~/.iflow/settings.json",
    "iflow_base_url=hello": "https://api.example.com/v1",
    "iflow_base_url=file:///v1": "https://api.example.com/v1",
    "iflow_base_url=https://u:p@a/v1": "apiKey",
    "iflow_base_url=https://a/v1/chat/completions": "/chat/completions",
    "iflow_api_key=two words": "blanks or line ends",
    "iflow_user_agent=": "auto, client",
    "iflow_user_agent=ü": "auto, client",
    "iflow_hosts=https://api.openai.com": "*.example.com",
    "iflow_hosts=a.*.com": "*.example.com",
    "iflow_hosts=127.0.0.1": "*.example.com",
    "iflow_models=nowhere.toml": "auto, builtin, upstream",
    "iflow_model_map=gpt-4": "pattern=model",
    "iflow_local_keys=": "empty",
    "iflow_cors_origins=example.com": "https://app.example.com",
    "iflow_max_concurrency=-1": "at least 0",
    "iflow_max_concurrency=many": "many",
    "iflow_timeout=0": "at least 1",
    "iflow_timeout=soon": "soon",
    "iflow_max_body=many": "64m",
    "iflow_max_body=0": "64m",
    "iflow_normalise=everything": "sse-space",
    "iflow_show_credentials=maybe": '"true", "false"',
}


UNSAID = ("iflow_api_key", "iflow_local_keys", "iflow_base_url", "iflow_show_credentials")
"""Options whose value may be a key, and one that mitmproxy itself refuses in its own words."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - to see it refused


def run_mitmdump(home: Path, *arguments: str) -> tuple[int, str]:
    """Start mitmdump with something that must not start; its exit status and what it said."""
    confdir = home / "conf"
    command = [*mitmproxy_program("mitmdump"), "-s", str(ADDON / "iflow.py"), *arguments]
    try:
        done = subprocess.run(
            [*command, "--set", f"confdir={confdir}"],
            env=make_environment(home),
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"it serves, and says only: {(error.stdout or b'').decode()}")
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_is_refused_at_the_start(home: Path, decoy: Stub, option: str) -> None:
    """The message names the option, its value and what is accepted; nothing is served without."""
    mode = f"reverse:http://127.0.0.1:{decoy.port}@127.0.0.1:{free_port()}"
    status, said = run_mitmdump(home, "--mode", mode, "--set", option)
    name, _, value = option.partition("=")
    assert status != 0
    assert name in said
    assert WRONG[option] in said
    if name not in UNSAID:
        assert value in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--mode", "reverse:http://127.0.0.1:9@0.0.0.0:PORT"],
        ["--mode", "regular@0.0.0.0:PORT"],
        ["--listen-host", EVERYWHERE, "--listen-port", "PORT"],
        ["--mode", "regular@127.0.0.1:PORT", "--mode", "reverse:http://127.0.0.1:9@0.0.0.0:OTHER"],
        ["--mode", "socks5@0.0.0.0:PORT"],
        ["--mode", "upstream:http://127.0.0.1:9@0.0.0.0:PORT"],
    ],
    ids=" ".join,
)
def test_listening_beyond_this_machine_wants_keys(home: Path, arguments: list[str]) -> None:
    """Whoever can connect could spend: refused at the start, whatever the mode."""
    ports = {"PORT": str(free_port()), "OTHER": str(free_port())}
    for name, port in ports.items():
        arguments = [argument.replace(name, port) for argument in arguments]
    status, said = run_mitmdump(home, *arguments)
    assert status != 0
    assert "iflow_local_keys" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_base_url_that_is_the_relay_itself_is_refused(home: Path, host: str) -> None:
    """A request would go round and round."""
    port = free_port()
    mode = f"reverse:http://127.0.0.1:9@127.0.0.1:{port}"
    base_url = f"iflow_base_url=http://{host}:{port}/v1"
    status, said = run_mitmdump(home, "--mode", mode, "--set", base_url)
    assert status != 0
    assert f"http://{host}:{port}/v1" in said


def test_without_an_address_only_this_machine_is_listened_to(
    start_relay: StartRelay, demo: Demo
) -> None:
    """mitmproxy's own default is every address."""
    port = free_port()
    relay = start_relay(*LIKE_IFLOW, arguments=["--mode", f"reverse:http://127.0.0.1:9@{port}"])
    listening = f"127.0.0.1:{port}."
    relay.wait_for(listening)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", trust_env=False) as client:
        assert chat(client).status == 200
    outside = address_beyond_loopback()
    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex((outside, port)) != 0


def address_beyond_loopback() -> str:
    """An address of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only chooses an address.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    return address


LOCAL_KEYS = ["sk-local-one-1111", "sk-local-two-2222"]


@pytest.fixture
def guarded(start_relay: StartRelay) -> Relay:
    """A relay that wants a key, and listens to all."""
    keys = [f"iflow_local_keys={key}" for key in LOCAL_KEYS]
    port = free_port()
    mode = f"reverse:http://127.0.0.1:9@0.0.0.0:{port}"
    relay = start_relay(*LIKE_IFLOW, *keys, arguments=["--mode", mode])
    relay.port = port
    relay.base_url = f"http://127.0.0.1:{port}/v1"
    return relay


def test_a_client_must_present_a_local_key(guarded: Relay, demo: Demo) -> None:
    """In any of the places that clients use; without one, or with a wrong one, nothing is sent."""
    wrong = [{}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {LOCAL_KEYS[0]}"}]
    wrong += [{"Authorization": f"Bearer {KEY}"}, {"x-api-key": LOCAL_KEYS[0] + "x"}]
    right = [{"Authorization": f"Bearer {key}"} for key in LOCAL_KEYS]
    right += [{"x-api-key": LOCAL_KEYS[0]}, {"api-key": LOCAL_KEYS[1]}]
    with guarded.client() as client:
        for headers in wrong:
            for answer in (
                client.post("/chat/completions", json=HELLO, headers=headers),
                client.get("/models", headers=headers),
            ):
                assert answer.status_code == 401
                assert answer.json()["error"]["code"] == "invalid_api_key"
        assert demo.requests() == []
        for headers in right:
            assert client.post("/chat/completions", json=HELLO, headers=headers).status_code == 200
        assert client.get("/health").status_code == 200
    assert all("local" not in json.dumps(entry["headers"]) for entry in demo.requests())
    guarded.check_log(secrets=LOCAL_KEYS)


def test_a_relay_with_keys_is_reached_by_its_address(guarded: Relay) -> None:
    """Its clients on other machines have no other name for it."""
    base_url = f"http://{address_beyond_loopback()}:{guarded.port}/v1"
    with httpx2.Client(base_url=base_url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {LOCAL_KEYS[0]}"}
        assert chat(client, headers=headers).status == 200
        assert client.get("/models").status_code == 401


def test_concurrency_is_limited_and_all_are_served(start_relay: StartRelay, demo: Demo) -> None:
    """Five at once, two at a time, streamed or not; a place is given back after an error too."""
    relay = start_relay(*LIKE_IFLOW, "iflow_max_concurrency=2")
    idle, seen = demo.stats()["active"], list[int]()
    faults = ["pause=0.02, words=10", "delay=0.2", "delay=0.1, status=500", "cut=2", "close"] * 2

    def ask(number: int) -> int:
        with relay.client() as client:
            status = chat(client, faults[number], stream=number % 2 == 0).status
        seen.append(demo.stats()["active"])
        return status

    with ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(ask, number) for number in range(10)]
        while not all(future.done() for future in futures):
            seen.append(demo.stats()["active"])
    assert max(seen) - idle == 2
    assert {future.result() for future in futures} <= {200, 500, 502}
    relay.check_it_serves()


def test_a_client_that_leaves_the_line_gives_its_place_back(
    start_relay: StartRelay, demo: Demo
) -> None:
    """One call is under way, one that waited hangs up; the third is served."""
    relay = start_relay(*LIKE_IFLOW, "iflow_max_concurrency=1")
    body = json.dumps(HELLO).encode()
    sent = {"x-demo": "silence=1, words=5"}
    asked = HELLO | {"stream": True}
    with (
        relay.client() as first,
        first.stream("POST", "/chat/completions", json=asked, headers=sent) as answer,
        relay.client() as other,
    ):
        next(answer.iter_raw())
        with relay.wire() as second:
            second.send(post(body))
            assert other.get("/health").status_code == 200
    relay.check_it_serves()
    relay.check_it_serves()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_comes_back_ends(start_relay: StartRelay, stream: bool) -> None:
    """The base URL became the relay's own address while it ran."""
    relay = start_relay(*LIKE_IFLOW)
    relay.settings.write_text(json.dumps({"apiKey": KEY, "baseUrl": relay.base_url}))
    with relay.client() as client:
        told = chat(client, stream=stream)
    assert told.status in (502, 503, 508), told
    assert told.error["code"] in ("loop_detected", "settings_invalid", "upstream_unreachable")
    assert relay.log().count("client connect") < 6


def test_a_loop_by_way_of_another_relay_ends(start_relay: StartRelay) -> None:
    """Two relays that point at each other: a request comes back once, and no more."""
    first = start_relay(*LIKE_IFLOW)
    second = start_relay(*LIKE_IFLOW, settings={"apiKey": KEY, "baseUrl": first.base_url})
    first.settings.write_text(json.dumps({"apiKey": KEY, "baseUrl": second.base_url}))
    try:
        with first.client() as client:
            told = chat(client)
    finally:
        first.stop()
    assert told.status in (502, 508)
    assert "come back" in told.error["message"]


UNTOUCHED = b'data:{"choices":[{"index":0,"delta":{"tool_calls":[{}]},"finish_reason":"stop"}]}\n\n'


def test_rules_can_be_switched_off(start_relay: StartRelay, demo: Demo) -> None:
    """With `iflow_normalise=none` the bytes are the upstream's, faults and all."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    with stub(replies(head % len(UNTOUCHED) + UNTOUCHED)) as server:
        settings = {"apiKey": KEY, "baseUrl": server.base_url}
        relay = start_relay("iflow_normalise=none", settings=settings)
        with relay.client() as client:
            assert chat(client, stream=True).body == UNTOUCHED
        settings["baseUrl"] = demo.base_url
        relay.settings.write_text(json.dumps(settings))
        with relay.client() as client:
            told = chat(client, "in200=434")
            assert (told.status, json.loads(told.body)["status"]) == (200, "434")
            assert DONE not in chat(client, "no-done", stream=True).events


def test_a_page_may_be_allowed(start_relay: StartRelay) -> None:
    """`iflow_cors_origins` replaces the default."""
    relay = start_relay(*LIKE_IFLOW, "iflow_cors_origins=https://*.example.com")
    with relay.client() as client:
        for origin, status in (
            ("https://app.example.com", 200),
            ("https://app.example.com.evil.example", 403),
            ("http://localhost:3000", 403),
        ):
            assert chat(client, headers={"Origin": origin}).status == status


def test_the_script_can_be_reloaded(start_relay: StartRelay, demo: Demo, tmp_path: Path) -> None:
    """mitmproxy watches iflow.py: saving it makes fresh addons, and the relay serves on."""
    relay = start_relay(*LIKE_IFLOW)
    relay.check_it_serves()
    before = relay.log().count("Loading script")
    with relay.client() as client:
        os.utime(ADDON / "iflow.py")
        wait_until(lambda: relay.log().count("Loading script") > before, "the reload")
        assert chat(client).text == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"
    relay.check_it_serves()
    with relay.intercepted() as other:
        assert chat(other, model="gpt-99").status == 200
