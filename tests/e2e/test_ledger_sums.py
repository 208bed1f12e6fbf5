"""The ledger's sums are those of what the upstream served, whatever happens to relays meanwhile.

A call is *in flight* at a kill where its client had not had the whole answer a quarter of a second
before the relay was killed. Only such calls may be missing from the ledger. None may count twice.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from tests.e2e.asking import DONE, read_events
from tests.e2e.conftest import Starter
from tests.e2e.programs import CLI, MODEL, Relay, free_port, make_environment, wait_until
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY
from iflow_relay.ledger.reading import Ledger
from iflow_relay.ledger.span import Span
from iflow_relay.ledger.values import Row

CALLS = 5000
BROKEN = 200
KILLS = 10
"""Of each of the two relays."""

WORKERS = 3
"""Clients of each of them."""

GRACE = 0.25
"""Seconds before a kill in which an answer's end is too late to be sure of its row."""

Tokens = tuple[int, int]
"""Of prompt and completion."""


class Asked(NamedTuple):
    """One call as its client saw it, and how often its relay had been killed before it."""

    name: str
    life: int
    breaks: bool
    ended: float | None = None
    """When the client had all of the answer; None where it never had."""
    tokens: Tokens | None = None


class Site:
    """A relay that is killed now and then, and started again elsewhere."""

    def __init__(self, start: Callable[[], Relay], phase: float) -> None:
        """`phase` says when between two kills of the other one this one is killed."""
        self._start = start
        self.phase = phase
        self.relay = start()
        self.kills: list[float] = []
        self.asked: list[Asked] = []

    def kill(self) -> None:
        """Kill it in the middle of all it does, and start another."""
        moment = time.monotonic()
        self.relay.process.kill()
        self.relay.process.wait()
        relay = self._start()
        self.relay = relay
        self.kills.append(moment)

    def wait_for_successor(self, life: int) -> None:
        """Return once there is another relay than in that life."""
        wait_until(lambda: len(self.kills) > life, "another relay", 60)

    def is_in_flight(self, call: Asked) -> bool:
        """Whether a call may miss, by the rule at the top."""
        if call.ended is None:
            return True
        return call.life < len(self.kills) and call.ended > self.kills[call.life] - GRACE


class Traffic:
    """Clients that call until enough answers have come."""

    def __init__(self, sites: tuple[Site, Site]) -> None:
        self._sites = sites
        self._numbers = itertools.count()
        self._ended = itertools.count(1)
        self.ended = 0

    def run(self) -> None:
        """All clients, and whoever kills; fails where one of them does."""
        with ThreadPoolExecutor(len(self._sites) * (1 + WORKERS)) as pool:
            work = [pool.submit(self._kill, site) for site in self._sites]
            work += [pool.submit(self._call, site) for site in self._sites for _ in range(WORKERS)]
            for piece in work:
                piece.result()

    def _kill(self, site: Site) -> None:
        for number in range(KILLS):
            self._wait_for((number + site.phase) * CALLS / KILLS * 0.9)
            site.kill()

    def _wait_for(self, number: float) -> None:
        wait_until(lambda: self.ended >= number, f"{number} answers", 300)

    def _call(self, site: Site) -> None:
        while self.ended < CALLS:
            life, relay = len(site.kills), site.relay
            with relay.client() as client:
                while self.ended < CALLS and len(site.kills) == life:
                    call = self._ask(client, life)
                    site.asked.append(call)
                    if call.ended is None:
                        break
                    self.ended = next(self._ended)
            if self.ended < CALLS:
                site.wait_for_successor(life)

    def _ask(self, client: httpx2.Client, life: int) -> Asked:
        """One call: every other one streamed, some of them slow, and some cut by the upstream."""
        number = next(self._numbers)
        name = f"call-{number:06}"
        call = Asked(name, life, breaks=number % 24 == 0)
        text = f"{name} " + "and more of it " * (number % 7)
        body: dict[str, Any] = {
            "model": name,
            "user": name,
            "messages": [{"role": "user", "content": text}],
        }
        if number % 2 == 0:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        fault = "cut=2" if call.breaks else "pause=0.02" if number % 20 == 2 else ""
        try:
            answer = client.post("/chat/completions", json=body, headers={"x-demo": fault})
        except httpx2.TransportError:
            return call
        assert answer.status_code == 200, answer.text
        tokens = None if call.breaks else read_tokens(answer)
        return call._replace(ended=time.monotonic(), tokens=tokens)


def read_tokens(answer: httpx2.Response) -> Tokens:
    """What the upstream has told the client."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        events = [event for event in read_events(answer.content) if event != DONE]
        usage = json.loads(events[-1])["usage"]
    else:
        usage = answer.json()["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"]


def start_serve(starter: Starter, demo: Demo, *options: str) -> Relay:
    """`iflow-relay serve` in front of the demo upstream."""
    home, port = starter.make_home(), free_port()
    settings = {"apiKey": KEY, "baseUrl": demo.base_url}
    (home / ".iflow" / "settings.json").write_text(json.dumps(settings))
    sets = (f"confdir={home.parent / 'conf'}", *options)
    command = [*CLI, "serve", "--listen", str(port), *(w for text in sets for w in ("--set", text))]
    relay = starter.keep(Relay(command, make_environment(home), home.parent, port=port))
    assert relay.wait_until_it_answers()
    return relay


def read_served(demo: Demo) -> dict[str, Tokens]:
    """What the upstream says that it served to the end, by the call's name."""
    url = f"http://127.0.0.1:{demo.port}/demo/served"
    found = httpx2.get(url, trust_env=False, timeout=30).json()
    calls = {e["user"]: (e["prompt_tokens"], e["completion_tokens"]) for e in found}
    assert len(calls) == len(found)
    return calls


def test_the_sums_are_those_of_what_was_served(
    starter: Starter, demo: Demo, tmp_path: Path
) -> None:
    """After 5,000 calls, 200 of them broken in mid-stream, and 20 relays killed at their work."""
    path = tmp_path / "ledger.sqlite3"
    options = ("iflow_models=builtin", f"iflow_ledger={path}", f"iflow_model_map=call-*={MODEL}")
    sites = (
        Site(lambda: starter.start(*options), 0.2),
        Site(lambda: start_serve(starter, demo, *options), 0.7),
    )
    Traffic(sites).run()
    for site in sites:
        site.relay.interrupt()
        assert site.relay.wait(20) == 0
    with Ledger(path) as ledger:
        rows = ledger.last(10 * CALLS)
        [total] = ledger.sums((), Span(None, None))
    served, names = read_served(demo), {row.asked for row in rows}
    counted = {name: tokens for name, tokens in served.items() if name in names}
    assert total.calls == len(rows) == len(names), "some call counts twice"
    assert total.prompt == sum(prompt for prompt, _ in counted.values())
    assert total.completion == sum(completion for _, completion in counted.values())
    asked = [(call, site.is_in_flight(call)) for site in sites for call in site.asked]
    assert served.keys() - names <= {call.name for call, in_flight in asked if in_flight}
    check_rows({row.asked: row for row in rows}, [call for call, flies in asked if not flies])
    assert sum(call.ended is not None for call, _ in asked) >= CALLS
    assert sum(call.breaks for call, _ in asked if call.ended is not None) >= BROKEN
    assert [len(site.kills) for site in sites] == [KILLS, KILLS]


def check_rows(rows: Mapping[str, Row], calls: Sequence[Asked]) -> None:
    """Each call that was not in flight has its row, with what its client was told."""
    assert [call for call in calls if call.name not in rows] == []
    for call in calls:
        row = rows[call.name]
        if call.breaks:
            assert row.error == "upstream_broken"
            assert (row.prompt, row.completion) == (None, None)
        else:
            assert row.error == ""
            assert (row.prompt, row.completion) == call.tokens
