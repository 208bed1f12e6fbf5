"""Which variables send a program through the relay, out of what was set before."""

from __future__ import annotations

from pathlib import Path

import pytest

from iflow_relay.environment import VARIABLES, Source, covers, proxied, read_sources
from iflow_relay.routing import parse_host_pattern

PROXY = "http://127.0.0.1:8080"
HOSTS = tuple(map(parse_host_pattern, ("iflow.internal", "api.openai.com")))
TRUST = {"SSL_CERT_FILE": Path("all.pem"), "DENO_CERT": Path("ours.pem")}


def bypass(**before: str) -> str:
    return proxied(before, proxy=PROXY, hosts=HOSTS, trust={}).variables["NO_PROXY"]


def test_out_of_nothing_everything_is_set() -> None:
    """In both spellings, as programs differ in which they read."""
    assert proxied({}, proxy=PROXY, hosts=HOSTS, trust=TRUST) == (
        {
            "HTTPS_PROXY": PROXY,
            "https_proxy": PROXY,
            "HTTP_PROXY": PROXY,
            "http_proxy": PROXY,
            "ALL_PROXY": PROXY,
            "all_proxy": PROXY,
            "NO_PROXY": "localhost,127.0.0.1,::1",
            "no_proxy": "localhost,127.0.0.1,::1",
            "NODE_USE_ENV_PROXY": "1",
            "SSL_CERT_FILE": "all.pem",
            "DENO_CERT": "ours.pem",
        },
        (),
    )


def test_a_proxy_that_was_set_is_the_relays_to_use() -> None:
    """The program itself knows of the relay alone."""
    before = {"https_proxy": "http://corp:3128", "ALL_PROXY": "socks5://corp:1080"}
    variables = proxied(before, proxy=PROXY, hosts=HOSTS, trust={}).variables
    assert {v for name, v in variables.items() if name.lower().endswith("s_proxy")} == {PROXY}
    assert variables["ALL_PROXY"] == variables["all_proxy"] == PROXY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"NO_PROXY": "corp.example"}, "corp.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "corp.example"}, "corp.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "a.example,b.example,localhost"),
        ({"NO_PROXY": "a.example,b.example", "no_proxy": "b.example"}, "a.example,b.example,local"),
        ({"NO_PROXY": " a.example, .b.example  10.0.0.0/8 "}, "a.example,.b.example,10.0.0.0/8,"),
        ({"NO_PROXY": "localhost,a.example"}, "localhost,a.example,127.0.0.1,::1"),
        ({"NO_PROXY": ",,"}, "localhost,127.0.0.1,::1"),
    ],
)
def test_no_proxy_is_extended(before: dict[str, str], after: str) -> None:
    """What both spellings said stays, once, and this machine's own names are added."""
    assert bypass(**before).startswith(after)


@pytest.mark.parametrize(
    ("before", "left_out"),
    [
        ({"NO_PROXY": "*"}, ("*",)),
        ({"NO_PROXY": "a.example,api.openai.com"}, ("api.openai.com",)),
        ({"no_proxy": ".OpenAI.com", "NO_PROXY": "openai.com"}, ("openai.com", ".OpenAI.com")),
        ({"NO_PROXY": "beta.openai.com,notopenai.com"}, ()),
    ],
)
def test_entries_that_lead_past_the_relay_are_left_out(
    before: dict[str, str], left_out: tuple[str, ...]
) -> None:
    """And named, so that somebody can be told."""
    made = proxied(before, proxy=PROXY, hosts=HOSTS, trust={})
    assert made.left_out == left_out
    assert not set(left_out) & set(made.variables["NO_PROXY"].split(","))


@pytest.mark.parametrize(
    ("entry", "host", "does"),
    [
        ("*", "api.openai.com", True),
        ("api.openai.com", "api.openai.com", True),
        ("API.openai.com.", "api.openai.com", True),
        ("api.openai.com:443", "api.openai.com", True),
        ("https://api.openai.com", "api.openai.com", True),
        ("*.openai.com", "api.openai.com", True),
        (".com", "api.openai.com", True),
        ("i.openai.com", "api.openai.com", False),
        ("v1.api.openai.com", "api.openai.com", False),
        ("v1.api.openai.com", "*.api.openai.com", True),
        ("openai.com", "*.api.openai.com", True),
        ("a.example", "*.openai.com", False),
        ("10.0.0.0/8", "api.openai.com", False),
        ("::1", "api.openai.com", False),
        ("[::1]:80", "api.openai.com", False),
        (".", "api.openai.com", False),
        ("*.", "api.openai.com", False),
    ],
)
def test_the_widest_reading_of_an_entry_counts(entry: str, host: str, does: bool) -> None:
    """A call that goes past the relay would reach the original host."""
    assert covers(entry, parse_host_pattern(host)) is does


SYSTEM = Source(None, None)


@pytest.mark.parametrize(
    ("before", "sources"),
    [
        ({}, {}),
        ({"SSL_CERT_FILE": ""}, {}),
        ({"GIT_SSL_CAINFO": "/a"}, {"GIT_SSL_CAINFO": Source("GIT_SSL_CAINFO", "/a")}),
        ({"http.sslCAInfo": "/a"}, {"GIT_SSL_CAINFO": Source("http.sslCAInfo", "/a")}),
        (
            {"http.sslCAInfo": "/a", "GIT_SSL_CAINFO": "/b"},
            {"GIT_SSL_CAINFO": Source("GIT_SSL_CAINFO", "/b")},
        ),
        (
            {"SSL_CERT_FILE": "/a"},
            dict.fromkeys(
                ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "CARGO_HTTP_CAINFO"),
                Source("SSL_CERT_FILE", "/a"),
            ),
        ),
        (
            {"CURL_CA_BUNDLE": "/a"},
            dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), Source("CURL_CA_BUNDLE", "/a")),
        ),
        (
            {"REQUESTS_CA_BUNDLE": "/a"},
            dict.fromkeys(
                ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"), Source("REQUESTS_CA_BUNDLE", "/a")
            ),
        ),
        (
            {"SSL_CERT_DIR": "/c:/d"},
            dict.fromkeys(
                ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "CARGO_HTTP_CAINFO"),
                Source(None, None, ("/c", "/d")),
            ),
        ),
        (
            {"SSL_CERT_DIR": "/c", "SSL_CERT_FILE": "/a", "CURL_CA_BUNDLE": "/b"},
            {
                "SSL_CERT_FILE": Source("SSL_CERT_FILE", "/a", ("/c",)),
                "CARGO_HTTP_CAINFO": Source("SSL_CERT_FILE", "/a", ("/c",)),
                "CURL_CA_BUNDLE": Source("CURL_CA_BUNDLE", "/b"),
                "REQUESTS_CA_BUNDLE": Source("CURL_CA_BUNDLE", "/b"),
            },
        ),
    ],
)
def test_each_program_goes_on_trusting_what_it_did(
    before: dict[str, str], sources: dict[str, Source]
) -> None:
    """Its own variable, else the one that it reads in place of that, else the system's bundle."""
    found = read_sources(before)
    assert {name: source for name, source in found.items() if source != SYSTEM} == sources


def test_nothing_is_set_that_could_not_be_taken_back() -> None:
    """The list of variables is whole."""
    trust = dict.fromkeys((*read_sources({}), "NODE_EXTRA_CA_CERTS", "DENO_CERT"), Path("x"))
    assert set(proxied({}, proxy=PROXY, hosts=HOSTS, trust=trust).variables) == set(VARIABLES)
