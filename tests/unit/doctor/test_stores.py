"""The trust stores as the doctor sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.commands.debian import ask, make_debian
from tests.unit.doctor.reading import statuses
from tests.unit.trust.authorities import make_authority
from tests.unit.trust.machines import Fake

from iflow_relay.doctor.stores import check_stores
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.trust.authority import read_authority
from iflow_relay.trust.places import list_stores


@pytest.fixture
def root(tmp_path: Path) -> Fake:
    """A Debian with a Chromium, in root's hands."""
    return make_debian(tmp_path, is_root=True)


def check(fake: Fake) -> list[Verdict]:
    """A verdict on each store."""
    authority = read_authority(fake.home / ".mitmproxy")
    return list(check_stores(list_stores(fake.machine), authority))


def test_each_store_has_its_own_remedy(root: Fake) -> None:
    """Until it trusts the authority; an older one of ours does not count."""
    assert statuses(check(root)) == [("debian", "warning"), ("chromium", "warning")]
    assert [verdict.advice for verdict in check(root)] == [
        "iflow-relay ca install --store debian",
        "iflow-relay ca install --store chromium",
    ]
    assert ask(root, "install", "--yes").exit_code == 0
    assert statuses(check(root)) == [("debian", "ok"), ("chromium", "ok")]
    make_authority(root.home / ".mitmproxy")
    assert "trusts an older authority" in check(root)[0].found


def test_a_store_that_cannot_be_read_is_left_out(root: Fake) -> None:
    """With what would help."""
    root.program("certutil", "sys.exit('certutil: function failed')")
    assert statuses(check(root)) == [("debian", "warning"), ("chromium", "skipped")]
    assert check(root)[1].advice == "certutil: function failed"


def test_without_an_authority_or_a_store_there_is_nothing_to_ask(
    root: Fake, tmp_path: Path
) -> None:
    """That is no fault of the stores."""
    assert statuses(check_stores(list_stores(root.machine), None)) == [("stores", "skipped")]
    authority = read_authority(root.home / ".mitmproxy")
    assert statuses(check_stores([], authority)) == [("stores", "skipped")]
