"""Keys and addresses as values: what is masked, what is checked, what is refused."""

from __future__ import annotations

import pytest

from iflow_relay.credential import (
    DEFAULT_BASE_URL,
    BaseUrl,
    Secret,
    is_address,
    is_loopback,
    parse_base_url,
)

KEY = "sk-0123456789abcdef"


def test_a_secret_prints_as_its_mask() -> None:
    """However a key gets into a text, it is the mask that gets there."""
    secret = Secret(KEY)
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(sk-…cdef)"
    assert KEY not in f"{secret!r:>40} {[secret]} {secret!a}"


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        (KEY, "sk-…cdef"),
        ("0123456789abcdef", "…cdef"),
        ("organisation-0123456789", "…6789"),
        ("-0123456789abc", "-…9abc"),
        ("sk-short", "…"),
        ("", "…"),
    ],
)
def test_a_mask_shows_a_prefix_and_four_letters(key: str, masked: str) -> None:
    """The owner recognises the key, nobody else can use it."""
    assert Secret(key).masked == masked


def test_a_secret_gives_its_text_when_asked() -> None:
    """The wire needs the key itself."""
    assert Secret(KEY).reveal() == KEY


def test_a_secret_takes_its_copies_out_of_a_text() -> None:
    """An upstream that quotes the key in its message does not tell the client."""
    said = Secret(KEY).redact(f"bad key {KEY}, I said {KEY}!")
    assert said == "bad key sk-…cdef, I said sk-…cdef!"


@pytest.mark.parametrize("other", ["", KEY[:-1], KEY + "x", KEY.upper(), "κλειδί", "\ud800"])
def test_a_secret_matches_itself_alone(other: str) -> None:
    """A key that is nearly right is wrong, whatever letters it has."""
    assert Secret(KEY).matches(KEY)
    assert not Secret(KEY).matches(other)


def test_secrets_compare_by_what_they_hold() -> None:
    """Two readings of the same file are the same value."""
    assert Secret(KEY) == Secret(KEY)
    assert len({Secret(KEY), Secret(KEY), Secret("other")}) == 2
    assert Secret(KEY) != KEY


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (DEFAULT_BASE_URL, BaseUrl("https", "apis.iflow.cn", 443, "/v1")),
        ("https://apis.iflow.cn/v1/", BaseUrl("https", "apis.iflow.cn", 443, "/v1")),
        ("  https://h/v1\n", BaseUrl("https", "h", 443, "/v1")),
        ("https://h", BaseUrl("https", "h", 443, "")),
        ("https://h/", BaseUrl("https", "h", 443, "")),
        ("http://h:8080/a/b", BaseUrl("http", "h", 8080, "/a/b")),
        ("http://h:80", BaseUrl("http", "h", 80, "")),
        ("http://h:/v1", BaseUrl("http", "h", 80, "/v1")),
        ("HTTPS://API.Example.COM/V1", BaseUrl("https", "api.example.com", 443, "/V1")),
        ("http://[::1]:11434/v1", BaseUrl("http", "::1", 11434, "/v1")),
        ("http://[2001:DB8::1]/v1", BaseUrl("http", "2001:db8::1", 80, "/v1")),
        ("http://my_ollama:11434/v1", BaseUrl("http", "my_ollama", 11434, "/v1")),
        ("https://h/v1~b/(x)", BaseUrl("https", "h", 443, "/v1~b/(x)")),
    ],
)
def test_a_base_url_is_read(text: str, url: BaseUrl) -> None:
    """Case, slashes at the end and default ports are matters of taste."""
    assert parse_base_url(text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no http:// or https://"),
        ("apis.iflow.cn/v1", "no http:// or https://"),
        ("localhost:8000/v1", "no http:// or https://"),
        ("//h/v1", "no http:// or https://"),
        ("file:///etc/passwd", "no http:// or https://"),
        ("ftp://h/v1", "no http:// or https://"),
        ("https://", "names no host"),
        ("https:///v1", "names no host"),
        ("https://:8000/v1", "names no host"),
        ("https://h:port/v1", "port that is none"),
        ("https://h:65536/v1", "port that is none"),
        ("https://h:-1/v1", "port that is none"),
        ("https://h:0/v1", "port"),
        ("https://h:\uff18\uff10/v1", "port that is none"),
        ("https://h /v1", "blanks"),
        ("https://h/v 1", "blanks"),
        ("https://h/v1\x00", "blanks"),
        ("https://h/v1\u202e", "blanks"),
        ("https://h/v1?key=x", "query or fragment"),
        ("https://h/v1#x", "query or fragment"),
        ("https://h/v1/chat/completions", "leave /chat/completions off"),
        ("https://h/v1/chat/completions/", "leave /chat/completions off"),
        ("https://h/a/../b", "dot segments"),
        ("https://h/./b", "dot segments"),
        ("https://h/a//b", "doubled slashes"),
        ("https://me:secret@h/v1", "user name or password"),
        ("https://@h/v1", "user name or password"),
    ],
)
def test_a_base_url_that_is_none_is_refused(text: str, why: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=why):
        parse_base_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://[::1/v1",
        "https://[example]/v1",
        "https://h\\other/v1",
        "https://h%2fother/v1",
        "https://h\u2100x/v1",
        "https://a..b/v1",
    ],
)
def test_a_host_that_is_none_is_refused_with_an_example(text: str) -> None:
    """What cannot be a host is refused here, not at the first request, and in plain words."""
    with pytest.raises(ValueError, match=r"https://api\.example\.com/v1"):
        parse_base_url(text)


def test_an_international_name_goes_out_in_ascii() -> None:
    """A Host header carries ASCII alone (RFC 9110, section 4.2.3)."""
    try:
        url = parse_base_url("https://b\u00fccher.example/v1")
    except ValueError:
        return
    assert url.authority == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        "https://me:hunter2@h/v1",
        "https://me:hunter2@h /v1",
        "https://me:hunter2@h:99999/v1",
        "ftp://me:hunter2@h/v1",
        "https://me:hunter2@h/v1?x",
    ],
)
def test_a_password_in_a_base_url_is_not_repeated(text: str) -> None:
    """A message may be logged; a password must not be."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_base_url(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("https://h/v1", "h"),
        ("https://h:443/v1", "h"),
        ("https://h:80/v1", "h:80"),
        ("http://h:443/v1", "h:443"),
        ("http://[::1]/v1", "[::1]"),
        ("http://[::1]:8000/v1", "[::1]:8000"),
    ],
)
def test_an_authority_names_the_port_where_it_is_not_the_schemes_own(
    text: str, authority: str
) -> None:
    """A Host header reads as a browser would write it, and the URL prints the same way."""
    url = parse_base_url(text)
    assert url.authority == authority
    assert parse_base_url(str(url)) == url


@pytest.mark.parametrize(
    ("host", "is_iflow"),
    [
        ("apis.iflow.cn", True),
        ("iflow.cn", True),
        ("api.xinliu.ai", True),
        ("APIS.IFLOW.CN", True),
        ("eviliflow.cn", False),
        ("iflow.cn.example.com", False),
        ("iflow.internal", False),
        ("127.0.0.1", False),
    ],
)
def test_iflows_own_hosts_are_told_from_lookalikes(host: str, is_iflow: bool) -> None:
    """The CLI's User-Agent goes to iFlow's domains only."""
    assert parse_base_url(f"https://{host}/v1").is_iflow is is_iflow


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("demo.localhost", True),
        ("demo.localhost.", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("", False),
        ("::", False),
        ("10.0.0.1", False),
        ("128.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
        ("127.0.0.1.example.com", False),
        ("127.0.0.1%.example.com", False),
        ("\u0661\u0662\u0667.0.0.1", False),
    ],
)
def test_this_machine_is_known_by_name_and_address(host: str, loopback: bool) -> None:
    """No name is resolved: a name that only leads here does not count."""
    assert is_loopback(host) is loopback


def test_a_base_url_knows_whether_it_is_this_machine() -> None:
    """An upstream on this machine may go without a key."""
    assert parse_base_url("http://localhost:11434/v1").is_loopback
    assert not parse_base_url("https://apis.iflow.cn/v1").is_loopback


@pytest.mark.parametrize(
    ("host", "address"),
    [("10.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("h", False), ("1.2.3", False)],
)
def test_an_address_is_told_from_a_name(host: str, address: bool) -> None:
    """Only a name can have been rebound."""
    assert is_address(host) is address
