"""What the relay needs of mitmproxy's internals is there, and a lack of it is seen at start."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream

from iflow_relay.mitm import internals
from iflow_relay.mitm.internals import NEEDED, check_internals


def test_the_installed_mitmproxy_has_all_that_is_needed() -> None:
    """This fails when a new mitmproxy renames what the relay leans on."""
    assert check_internals() == []


@pytest.mark.parametrize("owner", NEEDED, ids=lambda owner: str(owner.__name__))
@pytest.mark.parametrize("name", ["no_such_method", "_state_of_the_art"])
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """The words say which class lacks what."""
    monkeypatch.setitem(internals.NEEDED, owner, (*NEEDED[owner], name))
    assert check_internals() == [f"{owner.__name__}.{name}"]


def test_a_watcher_that_has_moved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would show and keep what is said on the relay's own page."""
    monkeypatch.setattr(internals, "WATCHERS", frozenset({"mitmproxy.addons.gone"}))
    assert check_internals() == ["mitmproxy.addons.gone"]


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start is enough to see it."""
    monkeypatch.setitem(internals.NEEDED, HttpStream, ("nope",))
    monkeypatch.setitem(internals.NEEDED, HttpLayer, ("make_stream", "neither"))
    assert check_internals() == ["HttpStream.nope", "HttpLayer.neither"]


def test_an_attribute_that_begins_like_another_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`stream` is not there because `streams` is."""
    monkeypatch.setitem(internals.NEEDED, HttpLayer, ("stream", "connection"))
    assert check_internals() == ["HttpLayer.stream", "HttpLayer.connection"]
