"""Which names make a connection the relay's, and how an address that somebody asks about reads."""

from __future__ import annotations

import pytest

from iflow_relay.interception import TUNNELLED, Target, decide, parse_target
from iflow_relay.routing import parse_host_pattern

HOSTS = [parse_host_pattern(text) for text in ("api.openai.com", "*.example.com")]


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (["api.openai.com"], "api.openai.com"),
        (["API.OpenAI.com."], "api.openai.com"),
        (["api.openai.com:443"], "api.openai.com"),
        ([None, "api.openai.com"], "api.openai.com"),
        (["192.0.2.1", "api.openai.com"], "api.openai.com"),
        (["other.invalid", "api.openai.com"], "api.openai.com"),
        (["api.openai.com", "other.invalid"], "api.openai.com"),
        (["a.b.example.com"], "*.example.com"),
    ],
)
def test_one_virtual_name_is_enough(names: list[str | None], rule: str) -> None:
    """Neither name may be used to reach the original host behind the other's back."""
    decision = decide(names, HOSTS)
    assert decision.intercepted
    assert str(decision.rule) == rule
    assert decision.rule is not None
    assert decision.rule.matches(decision.name)


@pytest.mark.parametrize(
    "names",
    [
        [],
        [None, None],
        [""],
        ["."],
        ["example.com"],
        ["openai.com"],
        ["xapi.openai.com"],
        ["api.openai.com.invalid"],
        ["api.openai.com@other.invalid"],
        ["192.0.2.1:443"],
        ["[2001:db8::1]:443", "2001:db8::1"],
    ],
)
def test_everything_else_is_tunnelled(names: list[str | None]) -> None:
    """Look-alikes, addresses, and connections of which nothing is known."""
    assert decide(names, HOSTS) == TUNNELLED


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("api.openai.com", Target("https", "api.openai.com", 443, "/")),
        (" API.openai.com. ", Target("https", "api.openai.com", 443, "/")),
        ("api.openai.com:8443", Target("https", "api.openai.com", 8443, "/")),
        (
            "https://api.openai.com/v1/models?x=1",
            ("https", "api.openai.com", 443, "/v1/models?x=1"),
        ),
        ("http://iflow.internal/v1", Target("http", "iflow.internal", 80, "/v1")),
        ("wss://api.openai.com/v1/realtime", ("wss", "api.openai.com", 443, "/v1/realtime")),
        ("ws://api.openai.com", Target("ws", "api.openai.com", 80, "/")),
        ("https://u:p@api.openai.com/", Target("https", "api.openai.com", 443, "/")),
        ("https://[2001:db8::1]:8443/", Target("https", "2001:db8::1", 8443, "/")),
        ("192.0.2.1", Target("https", "192.0.2.1", 443, "/")),
    ],
)
def test_an_address_or_a_host_alone_is_a_target(text: str, target: Target) -> None:
    """With the port of its scheme where it has none."""
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no host"),
        ("https:///v1", "names no host"),
        ("two words", "names no host"),
        ("ftp://api.openai.com", "begins with ftp://"),
        ("api.openai.com:port", "is no address"),
        ("api.openai.com:99999", "is no address"),
        ("https://[::1", "is no address"),
    ],
)
def test_what_is_no_target_is_refused_in_words(text: str, reason: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match=reason) as refused:
        parse_target(text)
    assert "write a host like api.example.com" in str(refused.value)
