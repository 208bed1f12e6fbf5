"""Which of the relays that run may serve one more program."""

from __future__ import annotations

import pytest

from iflow_relay.commands import run
from iflow_relay.presence import Presence
from iflow_relay.routing import parse_host_pattern

PROXY = "http://127.0.0.1:8080"
HOSTS = ("iflow.internal", "api.openai.com")
GOOD = Presence(1, "good", None, PROXY, HOSTS, "")


def find(relays: list[Presence], *hosts: str) -> str | None:
    """The relay that would be used for a program with these hosts of its own."""
    found = run.find_suitable([parse_host_pattern(host) for host in hosts])
    return found.instance if found else None


@pytest.mark.parametrize(
    ("relays", "hosts", "expected"),
    [
        ([], (), None),
        ([GOOD], (), "good"),
        ([GOOD._replace(instance="newer"), GOOD], (), "newer"),
        ([GOOD._replace(proxy=None), GOOD], (), "good"),
        ([GOOD._replace(keyed=True, instance="keyed"), GOOD], (), "good"),
        ([GOOD._replace(keyed=True)], (), None),
        ([GOOD], ("api.openai.com",), "good"),
        ([GOOD], ("api.groq.com",), None),
        ([GOOD._replace(hosts=("*.groq.com",))], ("api.groq.com",), "good"),
        ([GOOD._replace(hosts=("api.groq.com",))], ("*.groq.com",), None),
    ],
)
def test_a_relay_is_used_if_it_will_do(
    monkeypatch: pytest.MonkeyPatch,
    relays: list[Presence],
    hosts: tuple[str, ...],
    expected: str | None,
) -> None:
    """It is a proxy, has the hosts, and does not want a key that the program does not know."""
    monkeypatch.setattr(run, "find_running", lambda: relays)
    assert find(relays, *hosts) == expected
