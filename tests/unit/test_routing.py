"""Where a request goes, and what must not get out of the base URL."""

from __future__ import annotations

import pytest

from iflow_relay.errors import InvalidPath, NotFound
from iflow_relay.routing import HostPattern, Kind, Route, is_about_relay, parse_host_pattern, route


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", "/v1/chat/completions", Route(Kind.CHAT, "/chat/completions")),
        ("POST", "/chat/completions", Route(Kind.CHAT, "/chat/completions")),
        ("POST", "/v1/chat/completions/", Route(Kind.CHAT, "/chat/completions")),
        ("POST", "/v1/chat/completions?a=//..", Route(Kind.CHAT, "/chat/completions", "a=//..")),
        ("GET", "/v1/models", Route(Kind.MODELS, "/models")),
        ("GET", "/models/", Route(Kind.MODELS, "/models")),
        ("HEAD", "/v1/models", Route(Kind.MODELS, "/models")),
        ("GET", "/v1/models?limit=1", Route(Kind.MODELS, "/models", "limit=1")),
        ("GET", "/v1/models/glm-4.7", Route(Kind.MODELS, "/models", model="glm-4.7")),
        ("GET", "/models/a/b:c", Route(Kind.MODELS, "/models", model="a/b:c")),
        ("GET", "/v1/models/a%2Fb%3Ac%40d", Route(Kind.MODELS, "/models", model="a/b:c@d")),
        ("GET", "/v1/models/%E6%B2%B3", Route(Kind.MODELS, "/models", model="\u6cb3")),
        ("GET", "/v1/models/..%2f..%2fx", Route(Kind.MODELS, "/models", model="../../x")),
        ("GET", "/health", Route(Kind.HEALTH, "/health")),
        ("GET", "/proxy.pac", Route(Kind.PAC, "/proxy.pac")),
        ("GET", "/metrics", Route(Kind.METRICS, "/metrics")),
        ("HEAD", "/metrics/?x=1", Route(Kind.METRICS, "/metrics")),
        ("GET", "/v1/metrics", Route(Kind.FORWARD, "/metrics")),
        ("GET", "/", Route(Kind.PAGE, "/")),
        ("POST", "/?x=1", Route(Kind.PAGE, "/", "x=1")),
        ("GET", "/ui/page.js", Route(Kind.PAGE, "/ui/page.js")),
        ("POST", "/ui/login/key", Route(Kind.PAGE, "/ui/login/key")),
        ("OPTIONS", "/ui/state", Route(Kind.PAGE, "/ui/state")),
        ("GET", "/oauth2callback?code=c", Route(Kind.PAGE, "/oauth2callback", "code=c")),
        ("GET", "/v1/ui/state", Route(Kind.FORWARD, "/ui/state")),
        ("HEAD", "/v1/health", Route(Kind.HEALTH, "/health")),
        ("POST", "/v1/embeddings", Route(Kind.FORWARD, "/embeddings")),
        ("GET", "/v1/files?limit=2", Route(Kind.FORWARD, "/files", "limit=2")),
        ("DELETE", "/v1/models/ft:a", Route(Kind.FORWARD, "/models/ft:a")),
        ("GET", "/v1/files/a.b..c/content", Route(Kind.FORWARD, "/files/a.b..c/content")),
        ("GET", "/v1/chat/completions", Route(Kind.FORWARD, "/chat/completions")),
        ("PATCH", "/v1/v1/x", Route(Kind.FORWARD, "/v1/x")),
    ],
)
def test_a_request_has_its_route(method: str, target: str, expected: Route) -> None:
    """With `/v1` or without, and with a slash at the end or none."""
    assert route(method, target) == expected


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("/", True),
        ("/ui/page.js?x", True),
        ("/metrics", True),
        ("/metrics/?name=x", True),
        ("/v1/metrics", False),
        ("/metrics.txt", False),
        ("/health", False),
        ("/v1/chat/completions?x=/metrics", False),
    ],
)
def test_who_looks_at_the_relay_itself_is_known_by_the_path(target: str, own: bool) -> None:
    """Such requests are no calls, and are shown to nobody."""
    assert is_about_relay(target) is own


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v1?x=1"),
        ("GET", "/favicon.ico"),
        ("POST", "/proxy.pac"),
        ("POST", "/metrics"),
        ("GET", "/metrics/x"),
        ("GET", "/%6detrics"),
        ("POST", "/embeddings"),
        ("GET", "/chat/completions"),
        ("POST", "/models"),
        ("POST", "/health"),
        ("GET", "/v2/models"),
        ("GET", "/v1models"),
        ("GET", "/V1/models"),
    ],
)
def test_anything_else_is_not_found(method: str, target: str) -> None:
    """The message says where the API begins."""
    with pytest.raises(NotFound, match="GET /v1/models") as caught:
        route(method, target)
    assert (caught.value.status, caught.value.code) == (404, "not_found")


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize(
    "path",
    ["/messages", "/messages/", "/messages/count_tokens", "/responses", "/responses/x/cancel"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_dialects_that_are_not_spoken_do_not_pass(method: str, version: str, path: str) -> None:
    """An upstream would answer them in a way that the client does not understand."""
    with pytest.raises(NotFound, match="use POST /v1/chat/completions"):
        route(method, version + path)


@pytest.mark.parametrize("path", ["/completions", "/v1/completions"])
def test_old_completions_are_a_dialect_of_their_own(path: str) -> None:
    """They have no messages, and an answer of another shape."""
    with pytest.raises(NotFound, match="/completions is not spoken"):
        route("POST", path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%6dessages",
        "/v1/mess%61ges/count_tokens",
        "/v1/%72esponses",
    ],
)
def test_a_dialect_is_known_in_disguise(path: str) -> None:
    """An escaped letter is the same letter to the upstream (RFC 3986, section 6.2.2.2)."""
    with pytest.raises((NotFound, InvalidPath)):
        route("POST", path)


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize(
    "path",
    [
        "/..",
        "/../x",
        "/x/..",
        "/./x",
        "/x/.",
        "//x",
        "/x//y",
        "/x//",
        "/\\x",
        "/..\\x",
        "/%2e%2e/x",
        "/.%2E/x",
        "/%2e/x",
        "/x%2fy",
        "/x%2F..%2Fy",
        "/..%2fx",
        "/x%5c..",
        "/x%00",
        "/%252e%252e/x",
        "/x%2525",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_cannot_climb_out_of_the_base_url(method: str, version: str, path: str) -> None:
    """Dots, doubled slashes and what hides them from a careless reader are refused."""
    with pytest.raises(InvalidPath) as caught:
        route(method, version + path)
    assert (caught.value.status, caught.value.code) == (400, "invalid_path")


@pytest.mark.parametrize("path", ["/v1/..;/x", "/v1/x/..;a=b/y"])
def test_a_parameter_does_not_make_dots_a_name(path: str) -> None:
    """Java servers, iFlow's Spring among them, read `..;x` as `..`."""
    with pytest.raises(InvalidPath):
        route("POST", path)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "path",
    ["/v1/models/..%2f..%2fadmin", "/models/..%2fx", "/v1/models/a%2F..%2F..%2F..%2Fx"],
)
def test_an_escaped_slash_passes_only_where_nothing_is_joined(method: str, path: str) -> None:
    """`GET /models/{id}` looks the name up; every other method would send the path on."""
    with pytest.raises((InvalidPath, NotFound)):
        route(method, path)


@pytest.mark.parametrize(
    "target", ["", "x", "v1/models", "http://h/v1/models", "*", "?x", "h:443", "\\v1"]
)
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    """An absolute URL here would name another host."""
    with pytest.raises(InvalidPath):
        route("GET", target)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("api.openai.com", HostPattern("api.openai.com", False)),
        (" API.OpenAI.com. ", HostPattern("api.openai.com", False)),
        ("*.example.com", HostPattern("example.com", True)),
        ("localhost", HostPattern("localhost", False)),
        ("a_b.c-d", HostPattern("a_b.c-d", False)),
        ("xn--bcher-kva.example", HostPattern("xn--bcher-kva.example", False)),
        ("1.example", HostPattern("1.example", False)),
    ],
)
def test_a_virtual_host_is_read(text: str, pattern: HostPattern) -> None:
    """Case and a dot at the end do not matter."""
    assert parse_host_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no host name"),
        (".", "no host name"),
        ("https://api.openai.com", "an address, not a host name"),
        ("api.openai.com/v1", "an address, not a host name"),
        ("api.openai.com:443", "has a port"),
        ("::1", "has a port or is an IP address"),
        ("10.0.0.1", "no host name"),
        ("*", "not at its beginning"),
        ("*.*.com", "not at its beginning"),
        ("a.*.com", "not at its beginning"),
        ("*a.com", "not at its beginning"),
        ("*.", "not at its beginning"),
        ("a..b", "no host name"),
        ("-a.b", "no host name"),
        ("a-.b", "no host name"),
        ("a b", "no host name"),
        ("a.b\n.c", "no host name"),
        ("b\u00fccher.example", "no host name"),
        ("\u0661.\u0662", "no host name"),
        ("a" * 64, "no host name"),
    ],
)
def test_a_virtual_host_that_is_none_is_refused(text: str, why: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match=why):
        parse_host_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "host", "meant"),
    [
        ("api.openai.com", "api.openai.com", True),
        ("api.openai.com", "x.api.openai.com", False),
        ("api.openai.com", "openai.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*.example.com", "a.example.com.evil.org", False),
    ],
)
def test_a_virtual_host_matches_what_it_names(pattern: str, host: str, meant: bool) -> None:
    """A star stands for one name or more, never for none."""
    assert parse_host_pattern(pattern).matches(host) is meant
