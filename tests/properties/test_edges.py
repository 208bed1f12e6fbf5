"""What holds at the edges: paths, names, keys and documents of any kind."""

from __future__ import annotations

import json
import pickle
import posixpath
import re
import string
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.unit.reading import ALL_RULES

from iflow_relay.catalog import parse_map_rule, parse_overlay
from iflow_relay.config import ConfigError, parse_config, parse_size
from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.dialects.chat import parse_chat, read_completion
from iflow_relay.errors import (
    ForbiddenHost,
    ForbiddenOrigin,
    InvalidPath,
    NotFound,
    RelayError,
    WrongKey,
    render_error_body,
)
from iflow_relay.guard import LOOPBACK, check_host, check_key, check_origin
from iflow_relay.headers import request_fields
from iflow_relay.mitm.call import Call
from iflow_relay.options import OPTIONS
from iflow_relay.refusal import read_failure, read_list, read_short
from iflow_relay.routing import Kind, Route, parse_host_pattern, route
from iflow_relay.session import Session
from iflow_relay.settings import parse_document, parse_settings
from iflow_relay.summary import printable

DEFAULTS = {option.name: option.default for option in OPTIONS}

MEANINGFUL = {
    *("error", "message", "msg", "status", "success", "code", "type", "detail", "data", "id"),
    *("choices", "delta", "index", "finish_reason", "tool_calls", "usage"),
    *("messages", "model", "stream", "apiKey", "baseUrl"),
}

JSON_TEXTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "434", "stop", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted(MEANINGFUL)),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
).map(lambda document: json.dumps(document).encode())

BODIES = JSON_TEXTS | st.binary(max_size=40)


def result_of[T](call: Callable[[], T]) -> T | RelayError:
    """What a call gives, or the error that a client is told instead."""
    try:
        return call()
    except RelayError as error:
        return error


# --- paths ---------------------------------------------------------------------------------------

SEGMENTS = st.sampled_from(
    [
        *("v1", "models", "chat", "completions", "health", "messages", "files", "x", "河"),
        *("", " ", ".", "..", "...", "a.b", "..a", "%41", "%E6%B2%B3", "%zz", "%25", "%00"),
        *("%2e", ".%2E", "%2e%2e", "%252e", "x%2Fy", "..%2f..%2fx", "\\", "%5c..", "..%5c"),
    ]
) | st.text(max_size=3)


@settings(max_examples=500, deadline=None)
@given(
    segments=st.lists(SEGMENTS, max_size=6),
    method=st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT"]),
    base=st.sampled_from(["/v1", "/a/b", "/api/v1"]),
)
@example(["v1", "models", "..%2f..%2fadmin"], "POST", "/v1")
def test_a_joined_path_never_leaves_the_base(segments: list[str], method: str, base: str) -> None:
    """However often an upstream unescapes it, and whichever slash it believes in."""
    try:
        found = route(method, "/" + "/".join(segments))
    except (InvalidPath, NotFound):
        return
    if found.kind is Kind.PAGE:
        return  # the relay's own, which goes nowhere
    path = base + found.path
    for _ in range(4):
        assert "//" not in path
        assert "\\" not in path
        assert not {".", ".."} & set(path.split("/"))
        assert posixpath.normpath(path).startswith(base + "/")
        path = unquote(path)


@settings(max_examples=500, deadline=None)
@given(
    method=st.text(max_size=6),
    target=st.text(max_size=40) | st.text(max_size=9).map("/v1/".__add__),
)
def test_a_target_has_a_route_or_an_error(method: str, target: str) -> None:
    """And the error can be told."""
    found = result_of(lambda: route(method, target))
    if isinstance(found, RelayError):
        assert found.status in (400, 404)
        assert render_error_body(found)
    else:
        assert found.path.startswith("/")
        assert found.query == target.partition("?")[2] or found.kind is Kind.HEALTH


# --- keys ----------------------------------------------------------------------------------------

KEY_LETTERS = string.ascii_letters + string.digits + "-_."
KEYS = st.text(KEY_LETTERS, min_size=20, max_size=40).filter(lambda key: len(set(key)) > 8)


def shown(value: object) -> str:
    """All the ways in which a value may end up in a text."""
    with_braces = f"{value} {value!r} {value!s} {value!a} {value:}"
    return " ".join([with_braces, str([value]), "%s %r" % (value, value), "{}".format(value)])  # noqa: UP031, UP032


@settings(max_examples=100, deadline=None)
@given(key=KEYS, local=KEYS)
def test_a_key_shows_in_nothing_that_holds_it(key: str, local: str) -> None:
    """Nor does all of it but its first and last four letters."""
    config = parse_config(
        DEFAULTS
        | {"iflow_api_key": key, "iflow_local_keys": [local], "iflow_settings": "no-such-file"}
    )
    session = Session(config, {})
    upstream = session.current()
    call = Call(Route(Kind.CHAT, "/chat/completions"), upstream=upstream)
    for holder in (Secret(key), [Secret(local)], config, session, vars(session), upstream, call):
        text = shown(holder)
        for secret in (key, local):
            assert secret not in text
            assert secret[4:-4] not in text


@settings(max_examples=100, deadline=None)
@given(key=KEYS, wrong=KEYS)
def test_a_key_is_in_no_error(
    tmp_path_factory: pytest.TempPathFactory, key: str, wrong: str
) -> None:
    """Neither in its words nor in what is written of it to a file."""
    assume(key != wrong)
    errors: list[Exception] = []
    with pytest.raises(WrongKey) as refused:
        check_key(wrong, [Secret(key)])
    errors.append(refused.value)
    for option, value in (("api_key", key + " \u00e4"), ("local_keys", ["ok", key + "\n" + key])):
        with pytest.raises(ConfigError) as invalid:
            parse_config(DEFAULTS | {f"iflow_{option}": value})
        errors.append(invalid.value)
    path = tmp_path_factory.mktemp("key") / "settings.json"
    for fields in (
        {"apiKey": key + "\u00e4"},
        {"apiKey": [key]},
        {"apiKey": key, "baseUrl": 5},
        {"apiKey": key, "baseUrl": "x"},
        {"searchApiKey": {key: key}},
        {"apiKey": key, "baseUrl": f"ftp://me:{key}@h/v1"},
    ):
        path.write_text(json.dumps(fields), "utf-8")
        with pytest.raises(RelayError) as problem:
            Session(parse_config(DEFAULTS | {"iflow_settings": str(path)}), {}).current()
        errors.append(problem.value)
    for error in errors:
        told = shown(error) + repr(vars(error))
        assert key not in told
        assert wrong not in told
        assert key.encode() not in pickle.dumps(error)


@settings(max_examples=150, deadline=None)
@given(keys=st.lists(KEYS, min_size=1, max_size=4), presented=st.none() | st.text(max_size=30))
def test_only_a_local_key_opens(keys: list[str], presented: str | None) -> None:
    """Each of them does, and nothing else."""
    secrets = [Secret(key) for key in keys]
    for key in keys:
        check_key(key, secrets)
    if presented in keys:
        return
    with pytest.raises(WrongKey):
        check_key(presented, secrets)


# --- names and pages -----------------------------------------------------------------------------

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PORTS = st.just("") | st.integers(0, 70000).map(lambda port: f":{port}")
HOSTS = tuple(map(parse_host_pattern, ("api.openai.com", "*.example.com")))


@settings(max_examples=150, deadline=None)
@given(name=NAMES, port=PORTS, dot=st.sampled_from(["", "."]), any_address=st.booleans())
def test_a_name_that_nobody_allowed_is_refused(
    name: str, port: str, dot: str, any_address: bool
) -> None:
    """With a port or without, and in capitals too."""
    assume(not name.endswith(("localhost", ".example.com")) and name != "api.openai.com")
    assume(not re.fullmatch(r"[0-9.]+", name))
    for spelling in (name, name.upper()):
        with pytest.raises(ForbiddenHost):
            check_host(spelling + dot + port, HOSTS, any_address=any_address)


@settings(max_examples=200, deadline=None)
@given(name=NAMES, port=PORTS, upper=st.booleans())
def test_a_name_below_a_virtual_host_is_answered(name: str, port: str, upper: bool) -> None:
    """So are this machine's own names and addresses."""
    for host in (f"{name}.example.com", f"{name}.localhost", "localhost", "127.0.0.1", "[::1]"):
        check_host((host.upper() if upper else host) + port, HOSTS)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=30) | st.text("[]:.@%/1ahost", max_size=12))
@pytest.mark.parametrize("start", ["", "http://", "http://[", "https://localhost"])
def test_any_host_and_origin_is_allowed_or_refused(start: str, text: str) -> None:
    """Nothing else comes of a header that a client made up."""
    with suppress(ForbiddenHost):
        check_host(start + text, HOSTS, any_address=True)
    with suppress(ForbiddenOrigin):
        check_origin(start + text, [LOOPBACK, "https://*.example.com"])


@settings(max_examples=200, deadline=None)
@given(name=NAMES, port=PORTS, scheme=st.sampled_from(["http", "https"]))
def test_a_page_from_elsewhere_is_refused(name: str, port: str, scheme: str) -> None:
    """Only pages that this machine serves are allowed to begin with."""
    assume(not name.endswith("localhost") and not re.fullmatch(r"[0-9.]+", name))
    for origin in (f"{scheme}://{name}{port}", f"{scheme}://localhost.{name}{port}"):
        with pytest.raises(ForbiddenOrigin):
            check_origin(origin, [LOOPBACK])
        check_origin(origin, [LOOPBACK, origin])


# --- documents -----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(body=BODIES, status=st.integers(400, 599))
def test_an_upstreams_document_is_read_or_an_error_that_can_be_told(
    body: bytes, status: int
) -> None:
    """Whatever it holds."""
    failure = read_failure(status, body)
    assert failure.status == status
    listed = result_of(lambda: read_list(body))
    completed = result_of(lambda: read_completion(body, ALL_RULES))
    told_errors = [
        e for e in (failure, read_short(body), listed, completed) if isinstance(e, RelayError)
    ]
    for told in told_errors:
        assert 400 <= told.status <= 599
        assert json.loads(render_error_body(told))["error"]["message"]


@settings(max_examples=150, deadline=None)
@given(body=BODIES | JSON_TEXTS.map(lambda text: b'{"messages": [%s]}' % text))
def test_a_clients_document_is_read_or_an_error_of_its_own(body: bytes) -> None:
    """What was read goes up again with another model in it."""
    chat = result_of(lambda: parse_chat(body))
    if isinstance(chat, RelayError):
        assert chat.status == 400
        assert render_error_body(chat)
    else:
        assert json.loads(chat.with_model("m"))["messages"] == json.loads(body)["messages"]


@settings(max_examples=150, deadline=None)
@given(data=BODIES | st.text('{}[]",:/*\\ \n$a1', max_size=30).map(str.encode))
def test_a_settings_file_is_read_or_refused_in_words(data: bytes) -> None:
    """ValueError is all that its reader has to expect."""
    for reader in (parse_document, lambda text: parse_settings(text, {"a": "b"})):
        with suppress(ValueError):
            reader(data)


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["//", "/*,]"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
NOISE = st.sampled_from(["", " ", "/* , ] */", '// " {\n', "\n", "\t/**/"])


@settings(max_examples=150, deadline=None)
@given(document=st.dictionaries(st.text(max_size=4), JSON_LIKE, max_size=3), data=st.data())
def test_comments_and_commas_change_nothing_that_a_file_says(
    document: dict[str, Any], data: st.DataObject
) -> None:
    """They may stand between any two parts of it."""

    def write(value: Any) -> str:
        noise, comma = data.draw(NOISE), data.draw(st.sampled_from(["", ","]))
        if isinstance(value, dict):
            inner = [f"{json.dumps(key)}{noise}:{write(item)}" for key, item in value.items()]
            return "{" + ",".join(inner) + (comma if inner else "") + noise + "}"
        if isinstance(value, list):
            inner = [write(item) for item in value]
            return "[" + noise + ",".join(inner) + (comma if inner else "") + "]"
        return noise + json.dumps(value) + noise

    assert parse_document(write(document).encode()) == document


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=30) | st.text("htps:/[].@?#%1a\\", max_size=20))
@pytest.mark.parametrize(
    "start", ["", "https://", "http://[", "https://h:", "*.", "[[model]]\nid="]
)
def test_an_option_is_read_or_refused_in_words(start: str, text: str) -> None:
    """A base URL that is accepted prints as one that is accepted again."""
    text = start + text
    with suppress(ValueError):
        url = parse_base_url(text)
        assert parse_base_url(str(url)) == url
        assert str(url).isprintable()
    for parse in (parse_host_pattern, parse_map_rule, parse_size, parse_overlay):
        with suppress(ValueError):
            parse(text)
    for name in ("settings", "base_url", "api_key", "user_agent", "models", "max_body"):
        with suppress(ConfigError):
            parse_config(DEFAULTS | {f"iflow_{name}": text})


# --- headers -------------------------------------------------------------------------------------

FIELD_NAMES = st.sampled_from(
    [b"authorization", b"X-API-KEY", b"Cookie", b"x-kept", b"X-Hop", b"Connection", b"Host"]
) | st.from_regex(rb"[A-Za-z-]{1,8}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(fields=st.lists(st.tuples(FIELD_NAMES, st.binary(max_size=8)), max_size=8), key=KEYS)
def test_nothing_of_a_clients_credentials_goes_up(
    fields: list[tuple[bytes, bytes]], key: str
) -> None:
    """Wherever they stand, and in however many copies."""
    theirs = [
        (name, key.encode()) for name in (b"AUTHORIZATION", b"x-Api-Key", b"api-key", b"cookie")
    ]
    sent = request_fields((*fields, *theirs, *fields), authority="h", agent="a", via="v", length=1)
    assert key.encode() not in b" ".join(value for _, value in sent)
    names = [name.lower() for name, _ in sent]
    for name in (b"host", b"via", b"user-agent", b"content-length", b"accept-encoding"):
        assert names.count(name) == 1


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=100))
def test_a_terminal_gets_printable_text(text: str) -> None:
    """Short, and with as many letters as it was given."""
    shown_text = printable(text)
    assert shown_text.isprintable()
    assert len(shown_text) == min(len(text), 80)
