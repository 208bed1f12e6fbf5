"""Hooks that are looked up once: who is called, in which order, and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager

from iflow_relay.mitm.hooks import WATCHERS, HookTable


class Named:
    """An addon that notes its calls; `acts` says what its hook does."""

    def __init__(self, name: str, calls: list[str], acts: Any = None) -> None:
        self.name = name
        self._calls = calls
        self._acts = acts

    def request(self, flow: object) -> Any:
        """A hook."""
        self._calls.append(self.name)
        return self._acts() if self._acts else None


class Waiting(Named):
    """An addon whose hook waits before it notes its call."""

    async def request(self, flow: object) -> None:
        """A hook that waits."""
        await asyncio.sleep(0)
        super().request(flow)


def table_of(*addons: object) -> tuple[HookTable, Any]:
    """A table over a manager that holds these addons."""
    changed = SimpleNamespace(connect=lambda _: None)
    options = SimpleNamespace(changed=changed, process_deferred=lambda: None)
    commands = SimpleNamespace(collect_commands=lambda _: None)
    owner = SimpleNamespace(options=options, commands=commands)
    manager: Any = AddonManager(owner)
    manager.add(*addons)
    return HookTable(manager), manager


class Watcher(Named):
    """An addon of a module that shows flows."""

    __module__ = "mitmproxy.addons.view"


def test_a_flow_that_nobody_sees_is_shown_to_no_watcher() -> None:
    """All others have their say as ever, those that refuse clients among them."""
    calls: list[str] = []
    table, manager = table_of(Named("gate", calls), Watcher("view", calls), Named("relay", calls))
    assert HookTable(manager, without=WATCHERS).at_once("request", None) is None
    assert calls == ["gate", "relay"]
    table.at_once("request", None)
    assert calls[2:] == ["gate", "view", "relay"]


def halt() -> None:
    """End the round."""
    raise exceptions.AddonHalt


def fail() -> None:
    """Go wrong."""
    raise RuntimeError("went wrong")


def test_addons_are_called_in_their_order() -> None:
    """As mitmproxy calls them; an addon's own addons come behind it."""
    calls: list[str] = []
    family = Named("b", calls)
    family.addons = [Named("c", calls)]  # type: ignore[attr-defined]
    table, _ = table_of(Named("a", calls), family, Named("d", calls))
    assert table.at_once("request", None) is None
    assert calls == ["a", "b", "c", "d"]


def test_an_addon_that_comes_or_goes_is_noticed() -> None:
    """A script that is loaded again is another addon of the same name."""
    calls: list[str] = []
    table, manager = table_of(Named("a", calls))
    table.at_once("request", None)
    old = Named("b", calls)
    manager.add(old)
    table.at_once("request", None)
    manager.remove(old)
    manager.add(Named("b", []))
    table.at_once("request", None)
    assert calls == ["a", "a", "b", "a"]


def test_an_error_is_logged_and_the_next_is_called(caplog: pytest.LogCaptureFixture) -> None:
    """One addon's fault is not another's."""
    calls: list[str] = []
    table, _ = table_of(Named("a", calls, fail), Named("b", calls))
    with caplog.at_level(logging.ERROR):
        assert table.at_once("request", None) is None
    assert calls == ["a", "b"]
    assert "went wrong" in caplog.text


def test_a_halt_ends_the_round() -> None:
    """As mitmproxy's AddonHalt does."""
    calls: list[str] = []
    table, _ = table_of(Named("a", calls, halt), Named("b", calls))
    table.at_once("request", None)
    assert calls == ["a"]


def test_an_addon_that_waits_holds_up_those_behind_it() -> None:
    """What is left is for the caller to wait for; the order stays."""
    calls: list[str] = []
    table, _ = table_of(
        Named("a", calls), Waiting("b", calls), Named("c", calls), Waiting("d", calls)
    )

    async def run() -> None:
        left = table.at_once("request", None)
        assert calls == ["a"]
        assert left is not None
        await left

    asyncio.run(run())
    assert calls == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("acts", "called"), [(fail, ["a", "b", "c"]), (halt, ["a", "b"])])
def test_errors_and_halts_behind_one_that_waits_are_the_same(acts: Any, called: list[str]) -> None:
    """Waiting changes when, not what."""
    calls: list[str] = []
    table, _ = table_of(Waiting("a", calls), Named("b", calls, acts), Named("c", calls))

    async def run() -> None:
        left = table.at_once("request", None)
        assert left is not None
        await left

    asyncio.run(run())
    assert calls == called


def test_a_hook_that_nobody_wants_costs_nothing() -> None:
    """There is nothing to call, and nothing left."""
    table, _ = table_of(Named("a", []))
    assert table.wanted("response") == []
    assert table.at_once("response", None) is None
