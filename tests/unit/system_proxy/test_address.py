"""PAC addresses: which are taken, and which would lead every program elsewhere."""

from __future__ import annotations

import pytest

from iflow_relay.system_proxy.address import is_local_pac, parse_pac_url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/proxy.pac",
        "http://localhost/x.pac?a=b&c=%20",
        "http://[::1]:8000/proxy.pac",
        "https://127.0.0.2/proxy.pac",
    ],
)
def test_an_address_on_this_machine_is_taken_as_it_stands(url: str) -> None:
    """Blanks around it come from pasting."""
    assert parse_pac_url(f" {url}\n") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "is empty"),
        ("http://127.0.0.1/a b", "letters that no URL has"),
        ("http://127.0.0.1/'", "letters that no URL has"),
        ('http://127.0.0.1/"', "letters that no URL has"),
        ("http://127.0.0.1/ü", "letters that no URL has"),
        ("127.0.0.1:8000/proxy.pac", "no http:// or https:// address"),
        ("file:///etc/proxy.pac", "no http:// or https:// address"),
        ("data:,x", "no http:// or https:// address"),
        ("http://", "names no host"),
        ("http:///proxy.pac", "names no host"),
        ("http://me:secret@127.0.0.1/", "names no host, or a user"),
        ("http://127.0.0.1:99999/", "host or port that is none"),
        ("http://[::1/", "host or port that is none"),
        ("http://192.168.1.5:8000/proxy.pac", "192.168.1.5 is another machine.*--yes"),
        ("http://127.0.0.1.example.com/proxy.pac", "is another machine"),
        ("http://0.0.0.0:8000/proxy.pac", "is another machine"),
    ],
)
def test_another_address_is_refused_with_the_reason(url: str, why: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match=why):
        parse_pac_url(url)


def test_another_machine_is_taken_where_that_is_meant() -> None:
    """What is no address stays refused."""
    assert parse_pac_url("http://host/proxy.pac", anywhere=True) == "http://host/proxy.pac"
    with pytest.raises(ValueError, match="no http"):
        parse_pac_url("ftp://host/proxy.pac", anywhere=True)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/proxy.pac", True),
        ("http://[::1]/proxy.pac", True),
        ("https://127.0.0.1:8000/proxy.pac", False),
        ("http://127.0.0.1:8000/other.pac", False),
        ("http://example.com/proxy.pac", False),
        ("http://127.0.0.1:port/proxy.pac", False),
        ("", False),
        ("?", False),
    ],
)
def test_a_relays_address_is_known_by_its_looks(url: str, local: bool) -> None:
    """Only such an address is ever asked whether anybody is there."""
    assert is_local_pac(url) is local
