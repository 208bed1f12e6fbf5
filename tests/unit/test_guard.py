"""Who may call: names, pages and keys."""

from __future__ import annotations

import pytest

from iflow_relay.credential import Secret
from iflow_relay.errors import ForbiddenHost, ForbiddenOrigin, WrongKey
from iflow_relay.guard import (
    LOOPBACK,
    check_host,
    check_key,
    check_origin,
    check_site,
    host_of,
    is_virtual,
)
from iflow_relay.routing import parse_host_pattern

HOSTS = (parse_host_pattern("api.openai.com"), parse_host_pattern("*.example.com"))


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost:8000", "localhost"),
        ("LocalHost", "localhost"),
        ("api.openai.com.:443", "api.openai.com"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        (" h ", "h"),
        ("", ""),
        (":80", ""),
    ],
)
def test_a_host_is_taken_out_of_a_host_header(authority: str, host: str) -> None:
    """Port, brackets, case and a final dot do not matter."""
    assert host_of(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST.:8000",
        "127.0.0.1:8000",
        "127.1.2.3",
        "[::1]:8000",
        "[::ffff:127.0.0.1]",
        "relay.localhost",
        "api.openai.com",
        "API.OpenAI.com:443",
        "a.b.example.com",
    ],
)
def test_this_machine_and_virtual_hosts_are_answered(authority: str) -> None:
    """These are the names by which a client can mean the relay."""
    check_host(authority, HOSTS)


@pytest.mark.parametrize(
    "authority",
    [
        "evil.org",
        "example.com",
        "localhost.evil.org",
        "127.0.0.1.evil.org",
        "api.openai.com.evil.org",
        "evil.org:8000",
        "10.0.0.1",
        "10.0.0.1:8000",
        "[2001:db8::1]:8000",
        "[::]",
        "[::1].evil.org",
        "[::1]evil.org:80",
        "127.0.0.1%.evil.org",
        "localhost@evil.org",
        "localhost:80@evil.org",
        "\u0661\u0662\u0667.0.0.1",
    ],
)
def test_other_names_are_refused(authority: str) -> None:
    """A page whose name was rebound to this machine still sends its own name."""
    with pytest.raises(ForbiddenHost, match="iflow_hosts") as caught:
        check_host(authority, HOSTS)
    assert (caught.value.status, caught.value.code) == (403, "forbidden_host")


@pytest.mark.parametrize("authority", [None, "", " ", ":8000", "."])
def test_a_request_without_a_host_is_refused(authority: str | None) -> None:
    """Nobody can tell whom it means."""
    with pytest.raises(ForbiddenHost, match="no Host"):
        check_host(authority, HOSTS, any_address=True)


@pytest.mark.parametrize("authority", ["10.0.0.1:8000", "[2001:db8::1]:8000", "192.168.1.2"])
def test_addresses_pass_where_keys_guard_the_relay(authority: str) -> None:
    """A relay for the local network is called by its address."""
    check_host(authority, (), any_address=True)
    with pytest.raises(ForbiddenHost):
        check_host(authority, ())


def test_a_foreign_name_is_refused_even_where_addresses_pass() -> None:
    """Only a name can have been rebound."""
    with pytest.raises(ForbiddenHost):
        check_host("evil.org", (), any_address=True)


def test_a_long_host_is_not_repeated_in_full() -> None:
    """A header may have 64 KB."""
    with pytest.raises(ForbiddenHost) as caught:
        check_host("x" * 65536, ())
    assert len(caught.value.message) < 500


def test_a_virtual_host_is_one_that_any_pattern_names() -> None:
    """Without patterns there is none."""
    assert is_virtual("api.openai.com", HOSTS)
    assert not is_virtual("api.openai.com", ())


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, ()),
        ("http://localhost:3000", (LOOPBACK,)),
        ("https://127.0.0.1", (LOOPBACK,)),
        ("http://[::1]:3000", (LOOPBACK,)),
        ("http://app.localhost", (LOOPBACK,)),
        ("https://app.example.com", ("https://app.example.com",)),
        ("https://a.example.com", ("https://*.example.com",)),
        ("http://h:3000", ("http://h:*",)),
        ("http://[2001:db8::1]:3000", ("http://[2001:db8::1]:3000",)),
        ("https://app.example.com", ("https://App.Example.com",)),
        ("null", ("null",)),
        ("https://any.org", ("*",)),
        ("https://any.org", (LOOPBACK, "*")),
    ],
)
def test_pages_that_were_allowed_may_call(origin: str | None, allowed: tuple[str, ...]) -> None:
    """A program that is no browser sends no Origin."""
    check_origin(origin, allowed)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://evil.org", ()),
        ("https://evil.org", (LOOPBACK,)),
        ("http://localhost:3000", ()),
        ("http://localhost.evil.org", (LOOPBACK,)),
        ("http://localhost@evil.org", (LOOPBACK,)),
        ("https://example.com", ("https://*.example.com",)),
        ("http://app.example.com", ("https://app.example.com",)),
        ("https://app.example.com:8443", ("https://app.example.com",)),
        ("https://app.example.com.evil.org", ("https://app.example.com",)),
        ("loopback", (LOOPBACK,)),
        ("null", (LOOPBACK,)),
        ("", (LOOPBACK,)),
        ("http://[", (LOOPBACK,)),
        ("http://[x]", (LOOPBACK,)),
        ("http://h\u2100x", (LOOPBACK,)),
    ],
)
def test_other_pages_may_not(origin: str, allowed: tuple[str, ...]) -> None:
    """The message says how to allow the page; an origin that is none is a foreign one."""
    with pytest.raises(ForbiddenOrigin, match="iflow_cors_origins") as caught:
        check_origin(origin, allowed)
    assert (caught.value.status, caught.value.code) == (403, "forbidden_origin")


KEYS = (Secret("local-key-one-0001"), Secret("local-key-two-0002"))


@pytest.mark.parametrize("presented", ["local-key-one-0001", "local-key-two-0002"])
def test_each_local_key_opens(presented: str) -> None:
    """Every client may have a key of its own."""
    check_key(presented, KEYS)


@pytest.mark.parametrize("presented", [None, "", "x", "\u00e4"])
def test_without_local_keys_nobody_needs_one(presented: str | None) -> None:
    """Clients that insist on sending a key send any."""
    check_key(presented, ())


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "local-key-one-000",
        "local-key-one-0001 ",
        "LOCAL-KEY-ONE-0001",
        "\u00e4",
        "\udce4",
    ],
)
def test_a_wrong_key_does_not_open(presented: str | None) -> None:
    """The message says what is wanted, and neither key."""
    with pytest.raises(WrongKey, match="iflow_local_keys") as caught:
        check_key(presented, KEYS)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert "local-key-" not in caught.value.message


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "https://app.example.com"},
    ],
)
def test_a_request_that_no_foreign_page_made_may_pass(given: dict[str, str]) -> None:
    """Where there is an Origin, that says more, and is judged by itself."""
    check_site(given)


def test_what_a_foreign_page_has_loaded_is_refused() -> None:
    """An image or a frame sends no Origin."""
    with pytest.raises(ForbiddenOrigin, match="another site"):
        check_site({"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"})
