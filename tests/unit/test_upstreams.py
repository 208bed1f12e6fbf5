"""Upstreams by name, and base URLs as people write them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.credential import parse_base_url
from iflow_relay.upstreams import (
    KnownUpstream,
    find_upstream,
    known_upstreams,
    repair_base_url,
)

WANTED = [
    "deepseek",
    "moonshot",
    "zhipu",
    "dashscope",
    "siliconflow",
    "openrouter",
    "openai",
    "groq",
    "mistral",
    "ollama",
    "lmstudio",
    "vllm",
]
"""Names that people are told of."""


@pytest.mark.parametrize("known", known_upstreams(), ids=lambda known: known.name)
def test_every_entry_can_be_used_as_it_is(known: KnownUpstream) -> None:
    """Its base URL needs no repair, it has a source, and a key is wanted but on this machine."""
    base, repairs = repair_base_url(known.base_url)
    assert (str(base), repairs) == (known.base_url, ())
    assert urlsplit(known.source).scheme == "https"
    assert known.keys_at is None or urlsplit(known.keys_at).scheme == "https"
    assert known.needs_key is not base.is_loopback
    assert base.scheme == ("http" if base.is_loopback else "https")
    assert known.title


def test_names_and_addresses_are_given_once() -> None:
    """No two entries are the same upstream."""
    for values in zip(*((k.name, k.title, k.base_url) for k in known_upstreams()), strict=True):
        assert len(set(values)) == len(values)


def test_the_readme_names_upstreams_that_there_are() -> None:
    """As many as fit in a sentence."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    told = re.search(r"knows the addresses of (.*?) and\s+more", readme, re.DOTALL)
    assert told
    assert set(WANTED) <= set(re.split(r",\s+", told[1])) <= {k.name for k in known_upstreams()}


@pytest.mark.parametrize("name", WANTED)
def test_an_upstream_is_found_by_its_name(name: str) -> None:
    """In any case of letters, with blanks around it."""
    assert find_upstream(f" {name.upper()} ").name == name


@pytest.mark.parametrize(
    ("name", "guess"), [("deepsek", "deepseek"), ("olama", "ollama"), ("moonshoot", "moonshot")]
)
def test_a_name_that_is_none_is_answered_with_the_nearest_and_all(name: str, guess: str) -> None:
    """So that nobody has to look one up."""
    with pytest.raises(ValueError, match=f"'{name}' is no upstream known here") as caught:
        find_upstream(name)
    assert f"Did you mean {guess}?" in str(caught.value)
    assert all(known.name in str(caught.value) for known in known_upstreams())


def test_there_is_no_guess_where_nothing_is_near() -> None:
    """A wrong one would mislead."""
    with pytest.raises(ValueError, match="known here") as caught:
        find_upstream("qqqqqqqqqqqqqqq")
    assert "Did you mean" not in str(caught.value)


REPAIRED = {
    "https://a.example/v1": ("https://a.example/v1", ()),
    "https://a.example/v1/": ("https://a.example/v1", ()),
    " https://a.example/v1\n": ("https://a.example/v1", ()),
    "HTTPS://A.example/v1": ("https://a.example/v1", ()),
    "a.example/v1": ("https://a.example/v1", ("https:// put before it",)),
    "a.example:8443": ("https://a.example:8443", ("https:// put before it",)),
    "//a.example/v1": ("https://a.example/v1", ("https:// put before it",)),
    "localhost:11434/v1": ("http://localhost:11434/v1", ("http:// put before it",)),
    "127.0.0.1:8080": ("http://127.0.0.1:8080", ("http:// put before it",)),
    "[::1]:8080/v1": ("http://[::1]:8080/v1", ("http:// put before it",)),
    "https://a.example/v1/chat/completions": (
        "https://a.example/v1",
        ("/chat/completions taken off its end",),
    ),
    "https://a.example/v1/Chat/Completions/": (
        "https://a.example/v1",
        ("/Chat/Completions taken off its end",),
    ),
    "https://a.example/v1/completions": (
        "https://a.example/v1",
        ("/completions taken off its end",),
    ),
    "https://a.example/openai/v1/models": (
        "https://a.example/openai/v1",
        ("/models taken off its end",),
    ),
    "a.example/v1/chat/completions": (
        "https://a.example/v1",
        ("https:// put before it", "/chat/completions taken off its end"),
    ),
}


@pytest.mark.parametrize("text", REPAIRED)
def test_an_address_is_mended_and_it_is_said_how(text: str) -> None:
    """A scheme is put before it, what goes further than the base taken off."""
    base, repairs = repair_base_url(text)
    assert (str(base), repairs) == REPAIRED[text]


REFUSED = {
    "": "is empty",
    "  ": "is empty",
    "ftp://a.example": "is no http",
    "https:///v1": "names no host",
    "https://a.example/v1?key=x": "query",
    "https://a.example/../v1": "dot segments",
    "a b": "blanks",
    "a.example:port": "port",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_mended_is_refused_in_words(text: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=REFUSED[text]):
        repair_base_url(text)


@pytest.mark.parametrize(
    "text", ["https://me:hunter2@a.example/v1", "me:hunter2@a.example", "https:/me:hunter2@a"]
)
def test_a_login_within_an_address_is_refused_and_not_quoted(text: str) -> None:
    """It may be a password."""
    with pytest.raises(ValueError, match="user name or password") as caught:
        repair_base_url(text)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40))
def test_whatever_is_typed_becomes_a_base_url_or_a_sentence(text: str) -> None:
    """Nothing else is ever raised, and what is mended is an address that needs no more mending."""
    try:
        base, _ = repair_base_url(text)
    except ValueError:
        return
    assert parse_base_url(str(base)) == base
