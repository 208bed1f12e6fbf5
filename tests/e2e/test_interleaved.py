"""HTTP/2 clients of a virtual host: streams side by side on one connection, one given up."""

from __future__ import annotations

import json

from tests.e2e.asking import DONE, read_events
from tests.e2e.machine import Served
from tests.e2e.programs import wait_until
from tests.e2e.servers import Demo
from tests.e2e.side_by_side import Streams, secured

PACED = "pause=0.05, words=20"


def text_of(body: bytes) -> str:
    """What a whole streamed answer says; fails where it is not whole."""
    *chunks, done = read_events(body)
    assert done == DONE
    choices = [json.loads(chunk)["choices"] for chunk in chunks]
    return "".join(c[0]["delta"].get("content") or "" for c in choices if c)


def say(text: str) -> list[dict[str, str]]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


def test_streams_are_interleaved(served: Served) -> None:
    """All have begun before any ends; each has its own text, whole, and none another's."""
    with secured(served.relay, "h2") as connection:
        streams = Streams(connection)
        asked = {streams.ask(PACED, stream=True, messages=say(f"n{n}.")): n for n in range(6)}
        while len(streams.ended) < len(asked):
            begun = {number for number, body in streams.bodies.items() if body}
            assert not streams.ended or begun == set(asked)
            streams.read()
    assert streams.reset == set()
    for number, n in asked.items():
        assert f"n{n}." in text_of(streams.bodies[number])
    changes = sum(a != b for a, b in zip(streams.arrived, streams.arrived[1:], strict=False))
    assert changes > 2 * len(asked)


def test_a_stream_that_is_cancelled_ends_alone(served: Served, demo: Demo) -> None:
    """Its upstream call ends; the others are whole, and the connection takes further ones."""
    before = demo.stats()
    with secured(served.relay, "h2") as connection:
        streams = Streams(connection)
        whole = [streams.ask(PACED, stream=True) for _ in range(3)]
        given_up = streams.ask("silence=1", stream=True)
        not_begun = streams.ask("silence-head", stream=True)
        while not all(streams.bodies[number] for number in (*whole, given_up)):
            streams.read()
        wait_until(lambda: demo.stats()["active"] == before["active"] + 5, "all calls upstream")
        streams.cancel(given_up)
        streams.cancel(not_begun)
        wait_until(lambda: demo.stats()["hangups"] == before["hangups"] + 2, "the end of both")
        while not streams.ended.issuperset(whole):
            streams.read()
        assert {text_of(streams.bodies[number]) for number in whole} == {
            text_of(streams.bodies[whole[0]])
        }
        later = streams.ask("")
        while later not in streams.ended:
            streams.read()
    assert "You said: hello" in streams.bodies[later].decode()
    assert DONE not in streams.bodies[given_up].decode()
    assert streams.reset == set()


def test_a_connection_that_is_cut_ends_all_its_calls(served: Served, demo: Demo) -> None:
    """An app that is killed leaves no call upstream."""
    hangups = demo.stats()["hangups"]
    with secured(served.relay, "h2") as connection:
        streams = Streams(connection)
        asked = [streams.ask("silence=1", stream=True) for _ in range(3)]
        while not all(streams.bodies[number] for number in asked):
            streams.read()
    wait_until(lambda: demo.stats()["hangups"] == hangups + 3, "the end of the upstream's calls")
