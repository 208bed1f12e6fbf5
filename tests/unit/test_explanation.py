"""What would become of a request is said in words, as it would be decided."""

from __future__ import annotations

import pytest

from iflow_relay.explanation import Explanation, explain
from iflow_relay.interception import parse_target
from iflow_relay.routing import parse_host_pattern

HOSTS = [parse_host_pattern(text) for text in ("iflow.internal", "api.openai.com", "*.groq.com")]


def ask(
    url: str, method: str | None = None, base_url: str | None = "https://up.test/v1"
) -> Explanation:
    """The explanation of a URL."""
    return explain(parse_target(url), method, HOSTS, origin="iflow_hosts", base_url=base_url)


@pytest.mark.parametrize(
    ("url", "goes_to"),
    [
        ("https://api.openai.com/v1/chat/completions", "https://up.test/v1/chat/completions"),
        ("https://API.OpenAI.com./v1/embeddings", "https://up.test/v1/embeddings"),
        ("https://api.openai.com/v1/files?purpose=x", "https://up.test/v1/files?purpose=x"),
        ("http://iflow.internal/v1/chat/completions", "https://up.test/v1/chat/completions"),
        ("https://eu.groq.com:8443/chat/completions", "https://up.test/v1/chat/completions"),
    ],
)
def test_a_call_to_a_virtual_host_goes_to_the_upstream(url: str, goes_to: str) -> None:
    """The address is the one that the relay would ask."""
    said = ask(url)
    assert said.intercepted
    assert said.goes_to == goes_to
    assert goes_to in said.lines[1]


@pytest.mark.parametrize(
    ("url", "goes_to", "how"),
    [
        ("github.com", "github.com:443", "undecrypted"),
        ("https://api.openai.com.evil.test/v1", "api.openai.com.evil.test:443", "undecrypted"),
        ("http://example.com/a", "example.com:80", "byte for byte"),
        ("https://groq.com", "groq.com:443", "undecrypted"),
        ("example.com:8443", "example.com:8443", "undecrypted"),
    ],
)
def test_everything_else_passes(url: str, goes_to: str, how: str) -> None:
    """With what to do if it should not."""
    said = ask(url)
    assert (said.intercepted, said.goes_to, said.rule) == (False, goes_to, None)
    assert how in said.lines[1]
    assert f"--host {said.host}" in said.lines[1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://api.openai.com/v1/models", "answered with the catalog"),
        ("http://iflow.internal/health", "answered by the relay itself"),
        ("http://iflow.internal/proxy.pac", "answered by the relay itself"),
        ("http://iflow.internal/metrics", "answered by the relay itself"),
        ("https://api.openai.com/v1/messages", "answered with 404"),
        ("https://api.openai.com/dashboard", "answered with 404"),
        ("wss://api.openai.com/v1/realtime", "refused with 426"),
        ("api.openai.com", "a path like /v1/models tells more"),
    ],
)
def test_what_does_not_go_to_the_upstream_is_said(url: str, words: str) -> None:
    """The relay answers by itself."""
    said = ask(url)
    assert said.intercepted
    assert said.goes_to is None
    assert words in said.lines[1]


def test_without_credentials_a_call_goes_nowhere() -> None:
    """And the line says where to look."""
    said = ask("https://api.openai.com/v1/chat/completions", base_url=None)
    assert said.goes_to is None
    assert "iflow-relay status" in said.lines[1]


def test_the_method_may_be_named() -> None:
    """A GET of what is only posted has no answer."""
    assert "404" in ask("https://api.openai.com/v1/completions", "get").lines[1]
    assert ask("https://api.openai.com/v1/batches", "get").lines[1].startswith("GET ")
