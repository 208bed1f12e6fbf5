"""What the ledger keeps of a call, and which ledger it goes into."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.e2e.programs import wait_until
from tests.unit.ledger.made import calls

from iflow_relay.dialects.chat import Usage
from iflow_relay.ledger.reading import Ledger
from iflow_relay.mitm.accounting import RelayLedger, is_counted, make_ids, make_row
from iflow_relay.mitm.call import Call, Ended
from iflow_relay.mitm.relay import Relay
from iflow_relay.routing import Kind, Route

NOW = time.time()
CHAT = Route(Kind.CHAT, "/chat/completions")


def ended(route: Route = CHAT, status: int = 200, error: str | None = None) -> Ended:
    """A streamed call that has ended."""
    call = Call(route, began=NOW, asked="gpt-4o", run="glm-4.7", stream=True)
    usage = Usage(10, 20, 5, 7)
    return Ended(call, status, error, usage, 0.25, 2.0, "curl/8", "stop", 0, "localhost", 30, 40)


def test_a_row_says_what_is_known_of_a_call() -> None:
    """Each figure in its place."""
    assert make_row("a1", ended())._asdict() == {
        "call": "a1",
        "time": NOW,
        "route": "chat",
        "path": "/chat/completions",
        "dialect": "chat",
        "client": "curl/8",
        "host": "localhost",
        "asked": "gpt-4o",
        "run": "glm-4.7",
        "status": 200,
        "error": "",
        "prompt": 10,
        "completion": 20,
        "cached": 5,
        "reasoning": 7,
        "first_token": 0.25,
        "duration": 2.0,
        "received": 30,
        "sent": 40,
        "streamed": True,
    }


def test_a_path_has_no_query() -> None:
    """There may be a key in it."""
    route = Route(Kind.FORWARD, "/v1/files?api_key=sk-1")
    assert make_row("a1", ended(route)).path == "/files"


@pytest.mark.parametrize(
    ("kind", "status", "error", "counted"),
    [
        (Kind.CHAT, 200, None, True),
        (Kind.MODELS, 200, None, True),
        (Kind.FORWARD, 200, None, True),
        (Kind.FORWARD, 404, "not_found", True),
        (Kind.FORWARD, 204, None, False),
        (Kind.HEALTH, 200, None, False),
        (Kind.PAC, 200, None, False),
    ],
)
def test_calls_are_counted_that_clients_make_of_the_api(
    kind: Kind, status: int, error: str | None, counted: bool
) -> None:
    """Not what asks about the relay, nor a browser's question whether it may call at all."""
    assert is_counted(ended(Route(kind, "/x"), status, error)) is counted


def test_what_comes_from_a_recording_costs_nothing() -> None:
    """Its tokens were counted when it was recorded."""
    played = ended()
    played.call.replayed = True
    assert not is_counted(played)


def test_ids_are_unique_among_relays() -> None:
    """And hexadecimal."""
    one, other = make_ids(), make_ids()
    made = [next(ids) for ids in (one, other) for _ in range(1000)]
    assert len(set(made)) == 2000
    assert all(int(name, 16) for name in made)


def with_ledger(check: Callable[[Relay, RelayLedger], None]) -> None:
    """Run the check in a loop, then end the addon."""

    async def run() -> None:
        relay = Relay()
        addon = RelayLedger(relay)
        check(relay, addon)
        await addon.done()

    asyncio.run(run())


def test_the_options_of_the_moment_say_which_ledger_it_is(tmp_path: Path) -> None:
    """They may change while the relay runs: another file, none, and the first again."""
    first, second = tmp_path / "first", tmp_path / "second"

    def check(relay: Relay, addon: RelayLedger) -> None:
        for path in (first, first, None, second, first):
            relay.config = replace(relay.config, ledger=path)
            for observer in relay.on_end:
                observer(ended())

    with_ledger(check)
    assert (len(calls(first)), len(calls(second))) == (3, 1)


def test_fewer_days_count_from_the_next_call_on(tmp_path: Path) -> None:
    """A call of long ago stays for as long as it may."""
    path, usual = tmp_path / "ledger", ended()
    long_ago = usual._replace(call=replace(usual.call, began=1.5))

    def check(relay: Relay, addon: RelayLedger) -> None:
        relay.config = replace(relay.config, ledger=path, ledger_days=100_000)
        relay.on_end[0](long_ago)
        wait_until(lambda: len(calls(path)) == 1, "the row")
        relay.config = replace(relay.config, ledger_days=1)
        relay.on_end[0](long_ago)
        wait_until(lambda: not calls(path), "the end of both")

    with_ledger(check)


def test_what_comes_after_the_end_is_nobodys(tmp_path: Path) -> None:
    """The relay has ended; nothing is begun again, and nothing counts twice."""
    path = tmp_path / "ledger"
    relay = Relay()
    relay.config = replace(relay.config, ledger=path)
    addon = RelayLedger(relay)

    async def run() -> None:
        relay.on_end[0](ended())
        await addon.done()
        relay.on_end[0](ended())
        await addon.done()

    asyncio.run(run())
    with Ledger(path) as ledger:
        assert len(ledger.last(5)) == 1
