"""What becomes of flows in mitmproxy's own view when there are too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow
from mitmproxy.test import taddons, tflow

from iflow_relay.config import parse_config
from iflow_relay.mitm.call import BODIES, PACING
from iflow_relay.mitm.comment import FAILED
from iflow_relay.mitm.keeping import BATCH, RelayKeeping
from iflow_relay.mitm.relay import Relay
from iflow_relay.options import OPTIONS


class Shown:
    """A view that a relay looks after, and flows that pass by."""

    def __init__(self, kept: str) -> None:
        self.relay = Relay()
        self.keep(kept)
        self.view = View()
        self.keeping = RelayKeeping(self.relay)
        self.context = taddons.context(self.view, SaveHar(), self.keeping)
        self.keeping.begin(self.view)
        self.told: list[str] = []
        self.view.sig_view_update.connect(self._note)

    def _note(self, flow: Flow) -> None:
        self.told.append(flow.id)

    def keep(self, kept: str) -> None:
        """Set the option, as somebody does while the relay runs."""
        options = {option.name: option.default for option in OPTIONS}
        self.relay.set_config(parse_config(options | {"iflow_keep_flows": kept}))

    def begin(self, size: int = 100, route: str = "chat") -> http.HTTPFlow:
        """A request that has come."""
        flow = tflow.tflow(resp=True)
        assert flow.response
        flow.live = True
        flow.metadata["iflow.route"] = route
        flow.request.raw_content = b"q" * (size // 2)
        flow.response.raw_content = b"a" * (size - size // 2)
        for hook in (self.view.requestheaders, self.keeping.requestheaders):
            hook(flow)
        return flow

    def end(self, flow: http.HTTPFlow) -> None:
        """Its answer has been sent."""
        for hook in (self.view.response, self.keeping.response):
            hook(flow)
        flow.live = False

    async def pass_by(self, count: int = 1, **more: Any) -> list[http.HTTPFlow]:
        """So many flows, one after the other."""
        flows = []
        for _ in range(count):
            flows.append(self.begin(**more))
            self.end(flows[-1])
            await asyncio.sleep(0)
        return flows

    def listed(self, flows: list[http.HTTPFlow]) -> list[bool]:
        """Which of them the view still has."""
        return [self.view.get_by_id(flow.id) is flow for flow in flows]


def live(kept: str, act: Callable[[Shown], Awaitable[None]]) -> None:
    """Do something while mitmproxy runs."""

    async def run() -> None:
        shown = Shown(kept)
        with shown.context:
            await act(shown)

    asyncio.run(run())


def is_full(flow: http.HTTPFlow) -> bool:
    """Whether both bodies are there; fails where one alone is."""
    assert flow.response
    asked, answered = flow.request.raw_content, flow.response.raw_content
    assert (asked is None) is (answered is None)
    return asked is not None


def test_older_flows_lose_their_bodies_and_stay_in_the_list() -> None:
    """With a note that says why; whoever looks is told."""

    async def act(shown: Shown) -> None:
        flows = await shown.pass_by(5)
        assert [is_full(flow) for flow in flows] == [False, False, True, True, True]
        assert [flow.metadata.get(BODIES) for flow in flows] == ["dropped"] * 2 + [None] * 3
        assert shown.listed(flows) == [True] * 5
        assert shown.told.count(flows[0].id) == 2

    live("3,1m", act)


def test_the_bytes_count_as_well() -> None:
    """One that is larger than all that may be kept goes as well, once it was sent."""

    async def act(shown: Shown) -> None:
        flows = await shown.pass_by(4, size=400)
        assert [is_full(flow) for flow in flows] == [False, False, True, True]
        flow = shown.begin(size=5000)
        shown.end(flow)
        assert is_full(flow)
        await asyncio.sleep(0)
        assert not any(is_full(flow) for flow in (*flows, flow))

    live("100,1k", act)


def test_the_rhythm_goes_with_the_body_that_it_was_of() -> None:
    """A long stream's is long; every other figure stays."""

    async def act(shown: Shown) -> None:
        flow = shown.begin()
        flow.metadata |= {PACING: "1.0+1 " * 500, "iflow.tokens.prompt": 7}
        shown.end(flow)
        await asyncio.sleep(0)
        assert flow.metadata == {"iflow.route": "chat", "iflow.tokens.prompt": 7, BODIES: "dropped"}

    live("100,1k", act)


def test_an_empty_body_is_not_said_to_be_missing() -> None:
    """There was none to drop."""

    async def act(shown: Shown) -> None:
        flow = shown.begin()
        flow.request.raw_content = b""
        shown.end(flow)
        empty = await shown.pass_by(1, size=0)
        await shown.pass_by()
        assert flow.response
        assert (flow.request.raw_content, flow.response.raw_content) == (b"", None)
        assert is_full(empty[0])
        assert BODIES not in empty[0].metadata

    live("1,1m", act)


def test_the_list_ends_at_ten_times_as_many() -> None:
    """Its oldest leave it."""

    async def act(shown: Shown) -> None:
        flows = await shown.pass_by(25)
        assert shown.listed(flows) == [False] * 5 + [True] * 20
        assert shown.view.store_count() == len(list(shown.keeping._shelf)) == 20

    live("2,1m", act)


def test_what_is_in_use_or_somebodys_own_stays() -> None:
    """Live, held back, marked, changed: with its bodies and in the list, until it is not."""

    async def act(shown: Shown) -> None:
        under_way = shown.begin()
        held, marked = await shown.pass_by(2)
        held.intercept()
        marked.marked = ":star:"
        changed, failed = await shown.pass_by(2)
        failed.marked = FAILED
        changed.backup()
        changed.request.path = "/changed"
        await shown.pass_by(30)
        assert all(is_full(flow) for flow in (under_way, held, marked, changed))
        assert all(shown.listed([under_way, held, marked, changed]))
        assert shown.listed([failed]) == [False]
        held.resume()
        marked.marked = ""
        shown.end(under_way)
        await shown.pass_by(30)
        assert shown.listed([under_way, held, marked, changed]) == [False, False, False, True]
        assert is_full(changed)

    live("2,1m", act)


def test_files_and_duplicates_are_somebodys_own() -> None:
    """They did not come through here; neither did a file's flow that is sent again."""

    async def act(shown: Shown) -> None:
        loaded = tflow.tflow(resp=True)
        for hook in (shown.view.requestheaders, shown.keeping.requestheaders):
            hook(loaded)
        shown.keeping.response(loaded)
        again = tflow.tflow(resp=True)
        again.live, again.is_replay = True, "request"
        shown.view.requestheaders(again)
        shown.keeping.requestheaders(again)
        shown.end(again)
        (copied,) = await shown.pass_by()
        shown.view.duplicate([copied])
        duplicate = shown.view[len(shown.view) - 1]
        await shown.pass_by(30)
        assert is_full(loaded)
        assert is_full(again)
        assert duplicate is not copied
        assert is_full(duplicate)
        assert shown.listed([loaded, again, duplicate]) == [True] * 3

    live("2,1m", act)


def test_what_nobody_is_shown_does_not_count() -> None:
    """The relay's own page, say."""

    async def act(shown: Shown) -> None:
        (flow,) = await shown.pass_by()
        for _ in range(5):
            unseen = tflow.tflow(resp=True)
            unseen.live = True
            shown.keeping.requestheaders(unseen)
            shown.keeping.response(unseen)
            await asyncio.sleep(0)
        assert is_full(flow)

    live("1,1m", act)


def test_a_program_that_asks_for_the_health_all_day_pushes_no_call_out() -> None:
    """Such a flow leaves the list in its time."""

    async def act(shown: Shown) -> None:
        (flow,) = await shown.pass_by()
        asked = await shown.pass_by(20, route="health")
        assert is_full(flow)
        assert all(is_full(flow) for flow in asked)
        assert shown.listed(asked) == [False] * 11 + [True] * 9

    live("1,1m", act)


def test_flows_that_somebody_removed_count_no_more() -> None:
    """One of them, or all."""

    async def act(shown: Shown) -> None:
        first, second, third = await shown.pass_by(3)
        shown.view.remove([second])
        (fourth,) = await shown.pass_by()
        assert [is_full(flow) for flow in (first, third, fourth)] == [True] * 3
        shown.view.clear()
        assert shown.keeping._shelf.size == 0
        later = await shown.pass_by(3)
        assert all(is_full(flow) for flow in later)

    live("3,1m", act)


def test_the_option_counts_from_the_moment_it_is_changed() -> None:
    """In steps, so that calls go on meanwhile; off keeps all, and what is lost is lost."""

    async def act(shown: Shown) -> None:
        flows = await shown.pass_by(60 + 2 * BATCH - 5)
        assert all(is_full(flow) for flow in flows)
        shown.keep("60,1m")
        shown.keeping.configure({"iflow_keep_flows"})
        await asyncio.sleep(0)
        assert sum(map(is_full, flows)) == 60 + BATCH - 5
        await asyncio.sleep(0)
        assert sum(map(is_full, flows)) == 60
        shown.keep("off")
        shown.keeping.configure({"iflow_keep_flows"})
        flows += await shown.pass_by(70)
        assert sum(map(is_full, flows)) == 130

    live("off", act)


def test_a_har_file_that_is_written_at_the_end_is_whole() -> None:
    """mitmproxy writes it from the flows as they are then."""

    async def act(shown: Shown) -> None:
        shown.context.configure(shown.view, hardump="-")
        flows = await shown.pass_by(5)
        shown.context.configure(shown.view, hardump="")
        assert all(is_full(flow) for flow in flows)

    live("2,1m", act)


def test_where_nobody_looks_nothing_is_done() -> None:
    """mitmdump writes its flows down, or forgets them."""
    keeping = RelayKeeping(Relay())
    flow = tflow.tflow(resp=True)
    flow.live = True
    keeping.requestheaders(flow)
    keeping.response(flow)
    keeping.configure({"iflow_keep_flows"})
    assert is_full(flow)
    assert not list(keeping._shelf)
