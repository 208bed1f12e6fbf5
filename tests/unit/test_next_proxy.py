"""Which proxy stands behind the relay, and what goes past it."""

from __future__ import annotations

import pytest

from iflow_relay.next_proxy import AUTO, NONE, Proxy, Route, parse_proxy, read_route

AT = "proxy.invalid"


@pytest.mark.parametrize(
    ("text", "proxy", "login"),
    [
        (f"http://{AT}:3128", (("http", AT, 3128)), None),
        (f"{AT}:3128", ("http", AT, 3128), None),
        (f" {AT} ", ("http", AT, 80), None),
        (f"http://{AT}/", ("http", AT, 80), None),
        (f"HTTPS://{AT}", ("https", AT, 443), None),
        ("http://[::1]:8080", ("http", "::1", 8080), None),
        (f"http://me:secret@{AT}:1", ("http", AT, 1), "me:secret"),
        (f"http://me@{AT}:1", ("http", AT, 1), "me:"),
        (f"http://m%40e:a%3Ab%2F@{AT}:1", ("http", AT, 1), "m@e:a:b/"),
        (f"me:secret@{AT}:1", ("http", AT, 1), "me:secret"),
    ],
)
def test_an_address_is_a_proxy(text: str, proxy: tuple[str, str, int], login: str | None) -> None:
    """With the scheme http where it names none, and a login whose escapes are undone."""
    read = parse_proxy(text)
    assert read[:3] == proxy
    assert (read.login.reveal() if read.login else None) == login


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("socks5://me:secret@proxy.invalid:1080", "socks5:// proxy cannot"),
        ("http://me:secret@", "names no host"),
        ("http://me:secret@proxy.invalid:port", "is no address"),
        ("http://me:secret@proxy.invalid:99999", "is no address"),
        ("http://me:secret@[::1", "is no address"),
        ("", "names no host"),
    ],
)
def test_what_is_no_proxy_is_refused_without_its_login(text: str, reason: str) -> None:
    """What stands before the @ is a password."""
    with pytest.raises(ValueError, match=reason) as refused:
        parse_proxy(text)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_proxy_prints_without_its_login() -> None:
    """In every form in which it could come into a message."""
    proxy = parse_proxy("http://me:a-long-secret-password@proxy.invalid:3128")
    for text in (str(proxy), repr(proxy), f"{Route({'http': proxy})}"):
        assert "secret" not in text
    assert str(Proxy("http", "::1", 80)) == "http://[::1]:80"


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"https_proxy": "http://a:1"}, None, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1"}, None, "http://a:1"),
        ({"http_proxy": "a:1", "HTTPS_PROXY": "b:2"}, "http://a:1", "http://b:2"),
        ({"HTTPS_PROXY": "upper:1", "https_proxy": "lower:2"}, None, "http://lower:2"),
        ({"HTTPS_PROXY": "upper:1", "https_proxy": ""}, None, None),
        ({"ALL_PROXY": "every:1"}, "http://every:1", "http://every:1"),
        ({"all_proxy": "every:1", "HTTP_PROXY": "b:2"}, "http://b:2", "http://every:1"),
        (
            {"ALL_PROXY": "socks5://s:1", "http_proxy": "a:1", "https_proxy": "a:1"},
            *["http://a:1"] * 2,
        ),
    ],
)
def test_the_environment_names_proxies(
    environ: dict[str, str], http: str | None, https: str | None
) -> None:
    """Lower case wins over upper case, a scheme's own over the one for all."""
    route = read_route(AUTO, environ)
    found = {
        "http": route.to("http", "a.invalid", 80),
        "https": route.to("https", "a.invalid", 443),
    }
    wanted = {"http": http, "https": https}
    assert {scheme: proxy and str(proxy) for scheme, proxy in found.items()} == wanted


def test_an_option_wins_over_the_environment() -> None:
    """`none` goes direct; an address is the proxy for everything, but what no_proxy names."""
    environ = {"https_proxy": "http://a:1", "NO_PROXY": "direct.invalid"}
    assert read_route(NONE, environ).to("https", "a.invalid", 443) is None
    route = read_route("http://other:2", environ)
    assert str(route.to("https", "a.invalid", 443)) == "http://other:2"
    assert str(route.to("http", "a.invalid", 80)) == "http://other:2"
    assert route.to("http", "direct.invalid", 80) is None


COVERED = [
    ("*", "a.invalid"),
    ("example.com", "example.com"),
    ("example.com", "EXAMPLE.com."),
    ("example.com", "a.b.example.com"),
    (".example.com", "example.com"),
    (".example.com", "a.example.com"),
    ("*.example.com", "a.example.com"),
    ("Example.COM.", "a.example.com"),
    ("example.com:443", "a.example.com"),
    ("other.invalid, example.com", "example.com"),
    ("other.invalid example.com", "example.com"),
    ("192.0.2.1", "192.0.2.1"),
    ("192.0.2.0/24", "192.0.2.200"),
    ("192.0.2.9/24", "192.0.2.200"),
    ("192.0.2.1:443", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"),
    ("2001:db8::/32", "2001:db8::5"),
    ("", "localhost"),
    ("", "127.0.0.1"),
    ("", "127.8.9.1"),
    ("", "::1"),
]


@pytest.mark.parametrize(("rules", "host"), COVERED)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_no_proxy_covers_goes_direct(rules: str, host: str, name: str) -> None:
    """And loopback in any case."""
    route = read_route(AUTO, {"https_proxy": "http://a:1", name: rules})
    assert route.to("https", host, 443) is None


@pytest.mark.parametrize(
    ("rules", "host"),
    [
        ("", "a.invalid"),
        (" , ,", "a.invalid"),
        ("example.com", "anexample.com"),
        ("example.com", "example.com.invalid"),
        ("example.com:8443", "example.com"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("192.0.2.0/24", "192.0.3.1"),
        ("192.0.2.0/24", "2001:db8::1"),
        ("2.1", "192.0.2.1"),
        (".", "a.invalid"),
    ],
)
def test_what_no_proxy_does_not_cover_goes_by_the_proxy(rules: str, host: str) -> None:
    """Look-alikes and other ports."""
    route = read_route(AUTO, {"https_proxy": "http://a:1", "no_proxy": rules})
    assert str(route.to("https", host, 443)) == "http://a:1"


def test_the_relay_is_no_proxy_behind_itself() -> None:
    """A proxy on one of its ports of this machine is left out, one elsewhere is not."""
    route = read_route(
        AUTO, {"https_proxy": "http://127.0.0.1:8080", "http_proxy": "http://a:8080"}
    )
    kept = route.without(frozenset({8080}))
    assert kept.to("https", "a.invalid", 443) is None
    assert str(kept.to("http", "a.invalid", 80)) == "http://a:8080"
    assert route.without(frozenset({8081})) == route
